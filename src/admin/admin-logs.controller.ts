import { Controller, Get, Query } from '@nestjs/common';
import { ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ADMIN_ONLY } from '../auth/access.decorator.js';
import { ApiListResponse, type ListResponse } from '../common/pagination.js';
import { PLATFORM_LOGS } from '../logs/log.js';
import { LogResponse, LogsQuery } from '../logs/logs.dto.js';
import { LogsService } from '../logs/logs.service.js';

@ApiTags('Admin: logs')
@Controller('v1/admin/logs')
export class AdminLogsController {
  constructor(private readonly logs: LogsService) {}

  @Get()
  @ApiOperation({ summary: "List and search the platform's own logs", description: 'Accounts, event types, boots.' })
  @ApiListResponse(LogResponse)
  @Access({ kinds: ADMIN_ONLY, errors: ['invalid_input'] })
  list(@Query() query: LogsQuery): Promise<ListResponse<LogResponse>> {
    return this.logs.list(PLATFORM_LOGS, query);
  }
}
