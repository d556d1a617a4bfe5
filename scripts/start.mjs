// `npm start`: installs and builds what is missing, then runs the service in this very process.
import { prepare } from './prepare.mjs';

prepare();
process.setSourceMapsEnabled(true);
await import('../dist/src/main.js');
