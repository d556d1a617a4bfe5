import { createServer, type AddressInfo } from 'node:net';
import { makeAdminKey } from '../src/config/key-format.js';
import { makeDatabase } from './setup/database.js';
import { boot } from './support/booted-process.js';

describe('the process', () => {
  let databaseUrl: string;
  beforeAll(async () => {
    databaseUrl = await makeDatabase('boot', { migrated: true });
  });

  it('serves nothing but its health as a dispatcher, and ends with status 0 when asked to', async () => {
    const { process: child, ended, url } = boot({ DATABASE_URL: databaseUrl, ROLE: 'dispatcher' });
    const status = async (path: string) => (await fetch(`${await url}${path}`)).status;
    expect(await status('/healthz')).toBe(200);
    expect(await status('/readyz')).toBe(200);
    expect(await Promise.all(['/docs', '/openapi.json', '/v1/events', '/v1/account'].map(status))).toEqual([
      404, 404, 404, 404,
    ]);
    child.kill('SIGTERM');
    expect(await ended).toEqual({ status: 0, errors: '' });
  });

  it('leaves a log of its start among those of the platform', async () => {
    const key = makeAdminKey();
    const env = { DATABASE_URL: databaseUrl, ROLE: 'api', ADMIN_KEYS: `ops:${key}` };
    const { process: child, ended, url } = boot(env);
    const headers = { authorization: `Bearer ${key}` };
    const answer = await fetch(`${await url}/v1/admin/logs?action=service.started&limit=1`, { headers });
    const { data } = (await answer.json()) as { data: object[] };
    expect(data).toMatchObject([
      {
        category: 'admin',
        mode: null,
        description: expect.stringMatching(/^Signalpost \d+\.\d+\.\d+ started \(role api\)$/),
        actor: { type: 'system' },
        metadata: { role: 'api' },
      },
    ]);
    child.kill('SIGTERM');
    await ended;
  });

  it('names a port in use in one line and ends with status 1', async () => {
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(0, '127.0.0.1', resolve));
    const { port } = holder.address() as AddressInfo;
    const { status, errors } = await boot({ DATABASE_URL: databaseUrl, PORT: String(port) }).ended;
    holder.close();
    expect({ status, errors }).toEqual({
      status: 1,
      errors: `Signalpost cannot start: PORT ${port} on 127.0.0.1 is in use: stop what listens there, or set PORT.\n`,
    });
  });

  it('lists wrong settings and ends with status 1', async () => {
    const { status, errors } = await boot({ DATABASE_URL: 'mysql://x', ROLE: 'boss' }).ended;
    expect(status).toBe(1);
    expect(errors).toContain('2 settings are wrong');
  });

  it('says which database it misses, and ends with status 1', async () => {
    const { status, errors } = await boot({ DATABASE_URL: `${databaseUrl}_missing` }).ended;
    expect(status).toBe(1);
    expect(errors).toMatch(
      /^Signalpost cannot start: PostgreSQL at .* refuses: .*does not exist\. Check DATABASE_URL\.\n$/,
    );
  });

  it('migrates nothing by itself in production, but says what to run', async () => {
    const empty = await makeDatabase('boot_empty', { migrated: false });
    const secret = Buffer.alloc(32, 1).toString('base64');
    const { status, errors } = await boot({
      DATABASE_URL: empty,
      NODE_ENV: 'production',
      ADMIN_KEYS: `ops:${makeAdminKey()}`,
      ENCRYPTION_KEYS: `k:${secret}`,
      KEY_PEPPERS: `p:${secret}`,
    }).ended;
    expect(status).toBe(1);
    expect(errors).toMatch(/^Signalpost cannot start: The database lacks \w+: run npm run migrate\.\n$/);
  });
});
