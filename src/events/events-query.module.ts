import { Module } from '@nestjs/common';
import { EventsQueryRepository } from './events-query.repository.js';

/** The lists of events by their filters, for those who list and those who follow. */
@Module({ providers: [EventsQueryRepository], exports: [EventsQueryRepository] })
export class EventsQueryModule {}
