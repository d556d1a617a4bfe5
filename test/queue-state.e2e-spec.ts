import { QueueStateRepository } from '../src/deliveries/queue-state.repository.js';
import { makeEndpoint, SENDING } from './support/deliveries.js';
import { operationEvent, publishNew } from './support/publishing.js';
import { Service, until } from './support/service.js';

describe('the figures of the queue', () => {
  let service: Service;
  beforeAll(async () => {
    // Nobody sends, so that what is due stays so.
    service = await Service.start({ environment: { ROLE: 'api', ...SENDING } });
  });
  afterAll(() => service.stop());

  it('count what a suspended account waits for as backlog, and not as late', async () => {
    const state = () => service.app.get(QueueStateRepository).read();
    const { id, test } = await service.makeAccount();
    await makeEndpoint(service, test.secretKey, { url: 'http://127.0.0.1:9/hook' });
    await publishNew(service, test.secretKey, operationEvent('collect.pending', 'col_1'));
    await until(async () => (await state()).oldestDueSeconds > 0);
    await service.suspend(id);
    expect(await state()).toEqual({ backlog: 1, oldestDueSeconds: 0 });
    await service.call('patch', `/v1/admin/accounts/${id}`, { body: { status: 'active' } }).expect(200);
    expect((await state()).oldestDueSeconds).toBeGreaterThan(0);
  });
});
