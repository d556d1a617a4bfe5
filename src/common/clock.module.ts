import { Global, Module } from '@nestjs/common';
import { Clock } from './clock.js';

/** One clock for the whole process, so that a test can put another in its place once. */
@Global()
@Module({ providers: [Clock], exports: [Clock] })
export class ClockModule {}
