import { InitialSchema1793577600000 } from './1793577600000-initial-schema.js';

/** Every migration, oldest first. */
export const MIGRATIONS = [InitialSchema1793577600000];
