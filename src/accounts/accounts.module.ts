import { Module } from '@nestjs/common';
import { AccountChanges } from './account-changes.js';
import { AccountDirectory } from './account-directory.js';
import { AccountsRepository } from './accounts.repository.js';
import { AccountsService } from './accounts.service.js';

@Module({
  providers: [AccountChanges, AccountDirectory, AccountsRepository, AccountsService],
  exports: [AccountChanges, AccountDirectory, AccountsService],
})
export class AccountsModule {}
