// `npm run demo`: publishes the sample fortnight and shows that every event arrives, signed (examples/demo).
import { prepare } from './prepare.mjs';

prepare();
await import('../examples/demo/demo.mjs');
