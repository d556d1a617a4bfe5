import { TypeID } from 'typeid-js';
import { decodeId, encodeId, firstUuidAt, newUuid, tryDecodeId, uuidTime } from './ids.js';

describe('ids', () => {
  it('encodes as the TypeID library does, at both ends of time and of randomness', () => {
    const uuids = [
      '00000000-0000-7000-8000-000000000000',
      'ffffffff-ffff-7fff-bfff-ffffffffffff',
      ...Array.from({ length: 200 }, (_, i) => newUuid(1_790_000_000_000 + i * 977, i)),
    ];
    for (const uuid of uuids) expect(encodeId('evt', uuid)).toBe(TypeID.fromUUID('evt', uuid).toString());
  });

  it('gives back the uuid it was made from', () => {
    const uuid = newUuid(Date.now());
    expect(decodeId('we', encodeId('we', uuid))).toBe(uuid);
  });

  it('refuses ids of another kind and malformed ones, naming the field', () => {
    const id = encodeId('evt', newUuid(Date.now()));
    for (const wrong of [
      id.replace('evt', 'we'),
      `${id}0`,
      id.toUpperCase(),
      `evt_8${id.slice(5)}`,
      `evt_${'0'.repeat(25)}1`,
      '',
      null,
      7,
    ]) {
      expect(tryDecodeId('evt', wrong)).toBeNull();
    }
    expect(() => decodeId('we', id, 'endpoint_id')).toThrow(
      expect.objectContaining({ code: 'invalid_input', errors: [expect.objectContaining({ field: 'endpoint_id' })] }),
    );
  });

  it('sorts by time, then by ordinal, and keeps the time', () => {
    const ids = [newUuid(5_000, 0), newUuid(5_000, 1), newUuid(5_000, 4095), newUuid(5_001, 0)];
    expect([...ids].sort()).toEqual(ids);
    expect(ids.map(uuidTime)).toEqual([5_000, 5_000, 5_000, 5_001]);
    expect(firstUuidAt(5_001) > ids[2]! && firstUuidAt(5_001) < ids[3]!).toBe(true);
  });
});
