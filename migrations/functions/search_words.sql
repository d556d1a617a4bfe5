-- The words of a `search` column as an index holds them: each behind the first letter of the mode and the end of the
-- account's id, so that a word is looked up among one account's, not among everybody's. The planner unfolds this
-- function, so an index on such a call serves every statement that writes the same call; src/database/word-index.ts
-- has its counterpart for questions.
CREATE OR REPLACE FUNCTION signalpost.search_words(account_id uuid, mode text, search text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $function$
  SELECT array_to_tsvector(string_to_array(
    ltrim(replace(search, ' ', ' ' || left(mode, 1) || right(account_id::text, 6))), ' '))
$function$;
