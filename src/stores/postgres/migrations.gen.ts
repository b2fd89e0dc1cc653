/**
 * Made by scripts/sql.ts from the .sql files in ./sql; change those. The first brings an empty database to version 1,
 * and so on.
 *
 * Length: as the .sql files have it.
 */
export const migrations: readonly string[] = [
  // 0001-sessions
  `-- Sessions, what bars an owner, and the changes that need more than one statement. Every name is quoted, because the
-- store puts its own schema and table in the place of "holdfast" and "sessions".
--
-- Moments are milliseconds since the epoch and always come from the caller: nothing here asks for the time.

CREATE TABLE "holdfast"."sessions" (
  -- Order of creation among the sessions of an owner: drawn while the owner is locked.
  serial bigint GENERATED ALWAYS AS IDENTITY,
  idle_deadline bigint NOT NULL,
  -- From when on a sweep looks at the row: a marker's end, or the idle deadline when the row was made. A touch leaves it
  -- alone, so that a touch changes no indexed column and Postgres can keep the new row version on the same page (HOT).
  sweep_at bigint NOT NULL,
  ended_at bigint,
  id text COLLATE "C" PRIMARY KEY,
  version text COLLATE "C",
  owner text COLLATE "C",
  ended text,
  payload bytea,
  CHECK ((ended IS NULL) = (version IS NOT NULL AND payload IS NOT NULL)),
  CHECK ((ended IS NULL) = (ended_at IS NULL))
) WITH (fillfactor = 90, autovacuum_vacuum_scale_factor = 0.05);

-- Sealed bytes do not get shorter.
ALTER TABLE "holdfast"."sessions" ALTER COLUMN payload SET STORAGE EXTERNAL;

CREATE INDEX "sessions_by_owner" ON "holdfast"."sessions" (owner, serial) WHERE owner IS NOT NULL AND ended IS NULL;
CREATE INDEX "sessions_by_sweep" ON "holdfast"."sessions" (sweep_at);

-- A row for each owner who signed in or was revoked lately. Whoever adds or ends an owner's sessions writes it first:
-- that is the lock that makes limits hold, and under REPEATABLE READ the write that a second sign-in collides with.
CREATE TABLE "holdfast"."sessions_owners" (
  barred_through bigint,
  barred_until bigint,
  sweep_at bigint NOT NULL,
  owner text COLLATE "C" PRIMARY KEY
) WITH (fillfactor = 80);

CREATE INDEX "sessions_owners_by_sweep" ON "holdfast"."sessions_owners" (sweep_at);

-- The next three look at the row again where their UPDATE changed none. That is a statement of its own, with a snapshot
-- of its own, and may see what was committed after the UPDATE had taken its: then what it says is no answer, since the
-- change was possible and was not made, and they go round again. A trigger or a policy of somebody else that keeps
-- refusing what the table shows would make that a loop, so it is an error after a few.

CREATE FUNCTION "holdfast"."sessions_refused"() RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
  RAISE EXCEPTION 'a change of the table "sessions" was refused that its rows allow: a trigger, a rule or a row-level policy is in the way';
END
$body$;

CREATE FUNCTION "holdfast"."sessions_update"(
  p_id text, p_version text, p_payload bytea, p_idle_deadline bigint, p_expected text,
  OUT answer text, OUT version text, OUT payload bytea, OUT idle_deadline bigint, OUT owner text
) LANGUAGE plpgsql AS $body$
BEGIN
  FOR attempt IN 1..10 LOOP
    UPDATE "holdfast"."sessions" t
       SET version = p_version, payload = p_payload, idle_deadline = greatest(t.idle_deadline, p_idle_deadline)
     WHERE t.id = p_id AND t.version = p_expected;
    IF FOUND THEN
      answer := 'updated';
      RETURN;
    END IF;
    SELECT t.version, t.payload, t.idle_deadline, t.owner INTO version, payload, idle_deadline, owner
      FROM "holdfast"."sessions" t WHERE t.id = p_id AND t.ended IS NULL;
    answer := CASE WHEN NOT FOUND THEN 'gone' WHEN version = p_version THEN 'updated' ELSE 'conflict' END;
    IF answer <> 'conflict' OR version <> p_expected THEN
      RETURN;
    END IF;
  END LOOP;
  PERFORM "holdfast"."sessions_refused"();
END
$body$;

CREATE FUNCTION "holdfast"."sessions_touch"(p_id text, p_idle_deadline bigint, OUT answer text)
LANGUAGE plpgsql AS $body$
DECLARE
  found_deadline bigint;
BEGIN
  FOR attempt IN 1..10 LOOP
    UPDATE "holdfast"."sessions" t SET idle_deadline = p_idle_deadline
     WHERE t.id = p_id AND t.ended IS NULL AND t.idle_deadline < p_idle_deadline;
    IF FOUND THEN
      answer := 'touched';
      RETURN;
    END IF;
    SELECT t.idle_deadline INTO found_deadline FROM "holdfast"."sessions" t WHERE t.id = p_id AND t.ended IS NULL;
    answer := CASE WHEN FOUND THEN 'touched' ELSE 'gone' END;
    IF answer = 'gone' OR found_deadline >= p_idle_deadline THEN
      RETURN;
    END IF;
  END LOOP;
  PERFORM "holdfast"."sessions_refused"();
END
$body$;

CREATE FUNCTION "holdfast"."sessions_end"(
  p_id text, p_reason text, p_at bigint, p_keep_until bigint, OUT answer text
) LANGUAGE plpgsql AS $body$
DECLARE
  found_ended text;
BEGIN
  FOR attempt IN 1..10 LOOP
    UPDATE "holdfast"."sessions" t
       SET ended = p_reason, ended_at = p_at, sweep_at = p_keep_until, version = NULL, payload = NULL
     WHERE t.id = p_id AND t.ended IS NULL;
    IF FOUND THEN
      answer := 'ended';
      RETURN;
    END IF;
    SELECT t.ended INTO found_ended FROM "holdfast"."sessions" t WHERE t.id = p_id;
    answer := CASE WHEN FOUND THEN 'ended' ELSE 'unknown' END;
    IF answer = 'unknown' OR found_ended IS NOT NULL THEN
      RETURN;
    END IF;
  END LOOP;
  PERFORM "holdfast"."sessions_refused"();
END
$body$;

-- Why an owner may not have one session more, or null. Called with the owner locked.
CREATE FUNCTION "holdfast"."sessions_refusal"(
  p_owner text, p_leaving text, p_now bigint, p_started_at bigint, p_limit bigint, p_evicts boolean
) RETURNS text LANGUAGE plpgsql AS $body$
BEGIN
  IF p_owner IS NULL OR p_now IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM 1 FROM "holdfast"."sessions_owners" o
    WHERE o.owner = p_owner AND p_started_at <= o.barred_through AND p_now < o.barred_until;
  IF FOUND THEN
    RETURN 'barred';
  END IF;
  IF p_limit IS NULL OR (p_evicts AND p_limit > 0) THEN
    RETURN NULL;
  END IF;
  IF p_limit <= (
    SELECT count(*) FROM "holdfast"."sessions" t
     WHERE t.owner = p_owner AND t.ended IS NULL AND t.idle_deadline > p_now AND t.id IS DISTINCT FROM p_leaving
  ) THEN
    RETURN 'limit';
  END IF;
  RETURN NULL;
END
$body$;

-- Ends the owner's oldest live sessions beyond the limit. Called with the owner locked, after the new one is there.
CREATE FUNCTION "holdfast"."sessions_evict"(
  p_owner text, p_new text, p_now bigint, p_limit bigint, p_evicts boolean, p_keep_until bigint
) RETURNS void LANGUAGE plpgsql AS $body$
BEGIN
  IF p_owner IS NULL OR p_limit IS NULL OR NOT p_evicts THEN
    RETURN;
  END IF;
  UPDATE "holdfast"."sessions" t
     SET ended = 'evicted', ended_at = p_now, sweep_at = p_keep_until, version = NULL, payload = NULL
   WHERE t.ended IS NULL AND t.id IN (
     SELECT s.id FROM "holdfast"."sessions" s
      WHERE s.owner = p_owner AND s.ended IS NULL AND s.idle_deadline > p_now AND s.id <> p_new
      ORDER BY s.serial DESC OFFSET p_limit - 1
   );
END
$body$;

CREATE FUNCTION "holdfast"."sessions_lock"(p_owner text, p_sweep_at bigint) RETURNS void LANGUAGE sql AS $body$
  INSERT INTO "holdfast"."sessions_owners" AS o (owner, sweep_at) VALUES (p_owner, p_sweep_at)
  ON CONFLICT (owner) DO UPDATE SET sweep_at = greatest(o.sweep_at, excluded.sweep_at)
$body$;

CREATE FUNCTION "holdfast"."sessions_create"(
  p_id text, p_version text, p_payload bytea, p_idle_deadline bigint, p_owner text,
  p_now bigint, p_started_at bigint, p_limit bigint, p_evicts boolean, p_evicted_until bigint, OUT answer text
) LANGUAGE plpgsql AS $body$
BEGIN
  IF p_owner IS NOT NULL THEN
    PERFORM "holdfast"."sessions_lock"(p_owner, p_idle_deadline);
  END IF;
  PERFORM 1 FROM "holdfast"."sessions" t WHERE t.id = p_id;
  IF NOT FOUND THEN
    answer := "holdfast"."sessions_refusal"(p_owner, NULL, p_now, p_started_at, p_limit, p_evicts);
    IF answer IS NOT NULL THEN
      RETURN;
    END IF;
    INSERT INTO "holdfast"."sessions" (id, version, payload, idle_deadline, sweep_at, owner)
      VALUES (p_id, p_version, p_payload, p_idle_deadline, p_idle_deadline, p_owner) ON CONFLICT (id) DO NOTHING;
    IF FOUND THEN
      PERFORM "holdfast"."sessions_evict"(p_owner, p_id, p_now, p_limit, p_evicts, p_evicted_until);
      answer := 'created';
      RETURN;
    END IF;
  END IF;
  -- The same version is the same call again.
  PERFORM 1 FROM "holdfast"."sessions" t WHERE t.id = p_id AND t.version = p_version;
  answer := CASE WHEN FOUND THEN 'created' ELSE 'exists' END;
END
$body$;

CREATE FUNCTION "holdfast"."sessions_replace"(
  p_old text, p_expected text, p_id text, p_version text, p_payload bytea, p_idle_deadline bigint, p_owner text,
  p_reason text, p_at bigint, p_keep_until bigint,
  p_now bigint, p_started_at bigint, p_limit bigint, p_evicts boolean, p_evicted_until bigint,
  OUT answer text, OUT version text, OUT payload bytea, OUT idle_deadline bigint, OUT owner text
) LANGUAGE plpgsql AS $body$
DECLARE
  old record;
  taken record;
BEGIN
  -- Owners before sessions and in one order, so that no two changes wait for each other. Both owners, since the old
  -- session may be another owner's; whose it is never changes, so it can be read before anything is locked.
  IF p_owner IS NOT NULL THEN
    PERFORM "holdfast"."sessions_lock"(o.owner, p_idle_deadline) FROM (
      SELECT p_owner AS owner
      UNION
      SELECT t.owner FROM "holdfast"."sessions" t WHERE t.id = p_old AND t.owner IS NOT NULL
      ORDER BY owner
    ) o;
  END IF;
  SELECT t.version, t.payload, t.idle_deadline, t.owner, t.ended INTO old
    FROM "holdfast"."sessions" t WHERE t.id = p_old FOR UPDATE;
  SELECT t.version INTO taken FROM "holdfast"."sessions" t WHERE t.id = p_id;
  IF old.version IS NULL THEN
    answer := CASE WHEN taken.version = p_version THEN 'replaced' ELSE 'gone' END;
    RETURN;
  END IF;
  IF old.version <> p_expected THEN
    answer := 'conflict';
    version := old.version;
    payload := old.payload;
    idle_deadline := old.idle_deadline;
    owner := old.owner;
    RETURN;
  END IF;
  answer := "holdfast"."sessions_refusal"(p_owner, p_old, p_now, p_started_at, p_limit, p_evicts);
  IF answer IS NOT NULL THEN
    RETURN;
  END IF;
  INSERT INTO "holdfast"."sessions" (id, version, payload, idle_deadline, sweep_at, owner)
    VALUES (p_id, p_version, p_payload, p_idle_deadline, p_idle_deadline, p_owner) ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    answer := 'exists';
    RETURN;
  END IF;
  PERFORM "holdfast"."sessions_end"(p_old, p_reason, p_at, p_keep_until);
  PERFORM "holdfast"."sessions_evict"(p_owner, p_id, p_now, p_limit, p_evicts, p_evicted_until);
  answer := 'replaced';
END
$body$;

CREATE FUNCTION "holdfast"."sessions_end_by_owner"(
  p_owner text, p_reason text, p_at bigint, p_keep_until bigint, p_except text
) RETURNS TABLE (id text) LANGUAGE plpgsql AS $body$
BEGIN
  INSERT INTO "holdfast"."sessions_owners" AS o (owner, barred_through, barred_until, sweep_at)
    VALUES (p_owner, p_at, p_keep_until, p_keep_until)
    ON CONFLICT (owner) DO UPDATE SET
      barred_through = greatest(o.barred_through, excluded.barred_through),
      barred_until = greatest(o.barred_until, excluded.barred_until),
      sweep_at = greatest(o.sweep_at, excluded.sweep_at);
  RETURN QUERY
    UPDATE "holdfast"."sessions" t
       SET ended = p_reason, ended_at = p_at, sweep_at = p_keep_until, version = NULL, payload = NULL
     WHERE t.owner = p_owner AND t.ended IS NULL AND t.id IS DISTINCT FROM p_except
    RETURNING t.id;
END
$body$;

-- One batch: what is due and has expired goes; a session that was used since is looked at again when it expires.
-- One sweeper at a time. Locked rows are in use, so they are passed over.
CREATE FUNCTION "holdfast"."sessions_sweep"(
  p_key bigint, p_now bigint, p_limit bigint, OUT removed bigint, OUT postponed bigint
) LANGUAGE plpgsql AS $body$
BEGIN
  removed := 0;
  postponed := 0;
  IF NOT pg_try_advisory_xact_lock(p_key) THEN
    RETURN;
  END IF;
  WITH due AS MATERIALIZED (
    SELECT t.id, t.ended IS NULL AND t.idle_deadline > p_now AS in_use FROM "holdfast"."sessions" t
     WHERE t.sweep_at <= p_now ORDER BY t.sweep_at LIMIT p_limit FOR UPDATE SKIP LOCKED
  ), later AS (
    UPDATE "holdfast"."sessions" t SET sweep_at = t.idle_deadline FROM due WHERE t.id = due.id AND due.in_use RETURNING 1
  ), gone AS (
    DELETE FROM "holdfast"."sessions" t USING due WHERE t.id = due.id AND NOT due.in_use RETURNING 1
  )
  SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM later) INTO removed, postponed;
  WITH due AS MATERIALIZED (
    SELECT o.owner FROM "holdfast"."sessions_owners" o
     WHERE o.sweep_at <= p_now LIMIT p_limit - removed FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM "holdfast"."sessions_owners" o USING due WHERE o.owner = due.owner RETURNING 1
  )
  SELECT removed + count(*) INTO removed FROM gone;
END
$body$;

-- Notices for whoever watches: the public id of each session that was changed or ended, by this store or by anybody
-- else, or 'all'. A touch is none, unless somebody shortens the deadline. The triggers are off until a store watches: a transaction with a notice waits for the
-- commit of every other one with a notice, in the whole server.
CREATE FUNCTION "holdfast"."sessions_notify"() RETURNS trigger LANGUAGE plpgsql AS $body$
BEGIN
  IF TG_OP = 'TRUNCATE' THEN
    PERFORM pg_notify(TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, 'all');
  ELSE
    PERFORM pg_notify(TG_TABLE_SCHEMA || '.' || TG_TABLE_NAME, OLD.id);
  END IF;
  RETURN NULL;
END
$body$;

CREATE TRIGGER "sessions_changed" AFTER UPDATE ON "holdfast"."sessions" FOR EACH ROW
  WHEN (OLD.version IS DISTINCT FROM NEW.version OR NEW.idle_deadline < OLD.idle_deadline)
  EXECUTE FUNCTION "holdfast"."sessions_notify"();
CREATE TRIGGER "sessions_removed" AFTER DELETE ON "holdfast"."sessions" FOR EACH ROW
  WHEN (OLD.ended IS NULL) EXECUTE FUNCTION "holdfast"."sessions_notify"();
CREATE TRIGGER "sessions_emptied" AFTER TRUNCATE ON "holdfast"."sessions"
  EXECUTE FUNCTION "holdfast"."sessions_notify"();

ALTER TABLE "holdfast"."sessions" DISABLE TRIGGER USER;
`,
];
