import type { EntityManager } from 'typeorm';
import { Database } from '../src/database/database.js';
import { Service } from './support/service.js';

describe('a transaction', () => {
  let service: Service;
  beforeAll(async () => {
    service = await Service.start();
  });
  afterAll(() => service.stop());

  it('that PostgreSQL broke off as a deadlock is done again', async () => {
    const database = service.app.get(Database);
    const lock = (manager: EntityManager, key: number) => manager.query('SELECT pg_advisory_xact_lock(740, $1)', [key]);
    let begun = 0;
    let held = 0;
    let bothHoldOne: () => void = () => undefined;
    const crossed = new Promise<void>((resolve) => (bothHoldOne = resolve));
    const take = (first: number, second: number) =>
      database.transaction(async (manager) => {
        begun += 1;
        await lock(manager, first);
        held += 1;
        if (held === 2) bothHoldOne();
        await crossed;
        await lock(manager, second);
        return first;
      });
    expect(await Promise.all([take(1, 2), take(2, 1)])).toEqual([1, 2]);
    expect(begun).toBe(3);
  });

  it('that fails by itself is not', async () => {
    let begun = 0;
    const failing = service.app.get(Database).transaction(async (manager) => {
      begun += 1;
      await manager.query('SELECT 1 / 0');
    });
    await expect(failing).rejects.toThrow('division by zero');
    expect(begun).toBe(1);
  });
});
