-- Indexes over words, on the functions of search_words.sql and log_words.sql. A row goes to an index's pending list
-- first, which costs a writer little; `WordIndexUpkeep` moves the lists into the indexes every second. The limit, in
-- kilobytes, is where a writer would have to do that itself: minutes of publishing without the upkeep.
CREATE INDEX logs_by_word ON signalpost.logs USING gin (
  signalpost.log_words(
    account_id, mode, id, search, status, category, action, event_id, endpoint_id, api_key_id, request_id)
) WITH (fastupdate = on, gin_pending_list_limit = 65536);

CREATE INDEX events_by_word ON signalpost.events USING gin (signalpost.search_words(account_id, mode, search))
  WITH (fastupdate = on, gin_pending_list_limit = 65536);

CREATE INDEX operations_by_word ON signalpost.operations USING gin (signalpost.search_words(account_id, mode, search))
  WITH (fastupdate = on, gin_pending_list_limit = 65536);
