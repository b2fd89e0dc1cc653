#!/usr/bin/env bash
# bench/compare.sh REF [--rounds n] [--only rows] [--case cases] [--seconds n] [--no-cases]
# The working tree against a git ref, in this order: part by part, then whole requests. Each measurement is of a fresh
# process, ref and tree by turns. The ref is built in a folder of its own, which is removed at the end.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
[ $# -ge 1 ] || { sed -n 2,4p bench/compare.sh >&2; exit 2; }
ref=$1
shift
commit=$(git rev-parse --verify --quiet "$ref^{commit}") || { echo "no such ref: $ref" >&2; exit 2; }
folder=$(mktemp -d)
trap 'git worktree remove --force "$folder/tree" 2>/dev/null || true; rm -rf "$folder"' EXIT
git worktree add --quiet --detach "$folder/tree" "$commit"
# The packages of the working tree for both: what is compared is our code.
ln -s "$PWD/node_modules" "$folder/tree/node_modules"
echo "building $ref" >&2
(cd "$folder/tree" && npm run -s build)
echo "building the working tree" >&2
npm run -s build
node --import tsx bench/compare.ts "$folder/tree" "$ref" "$@"
