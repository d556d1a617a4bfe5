import { Controller, Get } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, ADMIN_ONLY } from '../../auth/access.decorator.js';
import { PlatformStatsResponse } from './platform-stats.dto.js';
import { PlatformStatsService } from './platform-stats.service.js';

@ApiTags('Admin: statistics')
@Controller('v1/admin/stats')
export class PlatformStatsController {
  constructor(private readonly stats: PlatformStatsService) {}

  @Get()
  @ApiOperation({
    summary: 'How the platform stands',
    description:
      'Backlog and rates of all accounts. The backlog is exact when it is counted; a count may be up to 10 seconds ' +
      'old where millions of deliveries wait, and is fresh where few do. Rates cover the last minute; what other ' +
      'processes did is in them after 5 seconds.',
  })
  @ApiOkResponse({ type: PlatformStatsResponse })
  @Access({ kinds: ADMIN_ONLY })
  read(): Promise<PlatformStatsResponse> {
    return this.stats.read();
  }
}
