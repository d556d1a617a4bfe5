-- Events accepted ten minutes or more after they happened, by how late they were, so that in each class a bound on
-- `occurred_at` is one on ids. All others lie, by their ids, within ten minutes of `occurred_at`. The predicate says
-- what a class above 0 says, and takes a writer less.
CREATE INDEX events_late ON signalpost.events (account_id, mode, signalpost.lateness_class(id, occurred_at), id)
  INCLUDE (occurred_at)
  WHERE occurred_at <= to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000.0 - 600);
