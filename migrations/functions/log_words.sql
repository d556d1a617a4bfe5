-- What a log is found by, in one index: the words of its text, and its filters as words that no text has, since they
-- begin with a dot: status, category and action together; endpoint; key; request; and the event, where the log's own
-- id does not tell it already. src/logs/log-words.ts has its counterpart for questions.
CREATE OR REPLACE FUNCTION signalpost.log_words(
  account_id uuid, mode text, id uuid, search text, status text, category text, action text, event_id uuid,
  endpoint_id uuid, api_key_id uuid, request_id text
) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT signalpost.search_words(account_id, mode,
    search || ' .' || status || ':' || category || ':' || action
      || CASE WHEN event_id <> id THEN ' .e' || event_id::text ELSE '' END
      || coalesce(' .w' || endpoint_id::text, '')
      || coalesce(' .k' || api_key_id::text, '')
      || coalesce(' .r' || request_id, ''))
$function$;
