// `npm run admin-key [-- name]`: a new key for ADMIN_KEYS, as `name:key`.
import { prepare } from './prepare.mjs';

prepare();
const { makeAdminKey } = await import('../dist/src/config/key-format.js');
console.log(`${process.argv[2] ?? 'ops'}:${makeAdminKey()}`);
