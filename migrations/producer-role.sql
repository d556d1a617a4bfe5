-- Who may publish by SQL: members of signalpost_producer, which may call publish_event and do nothing else. The role is
-- made where whoever migrates may make roles; docs/publish-by-sql.md says how to make it elsewhere. Roles belong to the
-- server, so another database of it may have made this one already.
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA signalpost FROM PUBLIC;

DO $role$
BEGIN
  IF (SELECT r.rolcreaterole OR r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)
     AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'signalpost_producer') THEN
    CREATE ROLE signalpost_producer NOLOGIN;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    NULL; -- Another database's migration was first.
END
$role$;

DO $rights$
BEGIN
  IF EXISTS (SELECT FROM pg_roles r WHERE r.rolname = 'signalpost_producer') THEN
    GRANT USAGE ON SCHEMA signalpost TO signalpost_producer;
    GRANT EXECUTE ON FUNCTION
      signalpost.publish_event(text, text, text, json, json, text, timestamptz) TO signalpost_producer;
  END IF;
EXCEPTION
  WHEN insufficient_privilege THEN
    RAISE NOTICE 'signalpost_producer got no rights: %', SQLERRM;
END
$rights$;
