import type { DataSource } from 'typeorm';

/** The token of a dispatcher that is the test itself: its lease does not run out, however slow the machine. */
export async function holdLease({ dataSource }: { readonly dataSource: DataSource }): Promise<string> {
  const [made] = await dataSource.query<[{ token: string }]>(
    `INSERT INTO signalpost.dispatchers (token, name, lease_until)
     VALUES (gen_random_uuid(), 'by hand', now() + interval '1 hour') RETURNING token`,
  );
  return made.token;
}
