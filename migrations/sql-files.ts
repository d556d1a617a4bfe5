import { readFileSync } from 'node:fs';

/** The text of an SQL file that lies beside the migrations, in the sources and in the build alike. */
export function readSql(name: string): string {
  return readFileSync(new URL(name, import.meta.url), 'utf8');
}

/** The files that hold the tables, their indexes, and the types of the functions' parameters, in the order in which they run. */
export const SCHEMA_FILES = [
  'schema/general.sql',
  'schema/accounts-and-keys.sql',
  'schema/events-and-operations.sql',
  'schema/logs.sql',
  'schema/webhooks.sql',
  'schema/deliveries.sql',
  'schema/dispatcher.sql',
  'schema/publish-types.sql',
  'schema/settle-types.sql',
] as const;

/** The files that hold one database function each; a test compares them with what the database has. */
export const FUNCTION_FILES = [
  'functions/search_words.sql',
  'functions/log_words.sql',
  'functions/lateness_class.sql',
  'functions/read_ingest_snapshot.sql',
  'functions/publish_events.sql',
  'functions/publish_event.sql',
  'functions/expire_operations.sql',
  'functions/claim_deliveries.sql',
  'functions/release_followers.sql',
  'functions/fail_deliveries.sql',
  'functions/settle_deliveries.sql',
  'functions/recovery_candidates.sql',
] as const;
