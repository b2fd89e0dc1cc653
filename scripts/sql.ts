/**
 * Puts the migrations of the PostgreSQL store into src/stores/postgres/migrations.gen.ts: each numbered .sql file of
 * src/stores/postgres/sql, comments and all, since people read it before they run it.
 *
 *   node --import tsx scripts/sql.ts           fails when the generated file is out of date
 *   node --import tsx scripts/sql.ts --write   writes it
 */
import { checkEmbedding, type Embedding, runEmbedding } from './embed.js';
import { isMain } from './support.js';

const sql: Embedding = {
  name: 'sql',
  folder: 'src/stores/postgres/sql',
  files: /^\d{4}-[a-z-]+\.sql$/,
  target: 'src/stores/postgres/migrations.gen.ts',
  compile(sources) {
    const migrations = [...sources].map(([name, source]) => `  // ${name}\n  \`${source}\`,\n`);
    return [
      '/**',
      ' * Made by scripts/sql.ts from the .sql files in ./sql; change those. The first brings an empty database to version 1,',
      ' * and so on.',
      ' *',
      ' * Length: as the .sql files have it.',
      ' */',
      `export const migrations: readonly string[] = [\n${migrations.join('')}];\n`,
    ].join('\n');
  },
};

export const checkMigrations = (root: string): string[] => checkEmbedding(root, sql);

if (isMain(import.meta.url)) runEmbedding(sql);
