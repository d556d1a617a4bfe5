import { Module } from '@nestjs/common';
import { RetentionJob } from './retention-job.js';
import { RetentionRepository } from './retention.repository.js';

/** The end of what outlives the partitions of its events. */
@Module({ providers: [RetentionRepository, RetentionJob] })
export class RetentionModule {}
