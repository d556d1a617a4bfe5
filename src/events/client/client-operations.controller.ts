import { Controller, Get, Param } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Access, PUBLIC_ONLY } from '../../auth/access.decorator.js';
import type { ClientCaller } from '../../auth/caller.js';
import { CurrentCaller } from '../../auth/current-caller.decorator.js';
import { AppError } from '../../common/app-error.js';
import { ApiOperationId } from '../operation-id-param.js';
import { OperationsService } from '../operations.service.js';
import { ClientOperationResponse, toClientOperationResponse } from './client-operations.dto.js';

@ApiTags('Client')
@Controller('v1/client/operations')
export class ClientOperationsController {
  constructor(private readonly operations: OperationsService) {}

  @Get(':id')
  @Access({ kinds: PUBLIC_ONLY, clientToken: true, errors: ['not_found', 'invalid_input'] })
  @ApiOperation({
    summary: "One operation's status, for a page",
    description: 'With a public key and a client token for this operation; the answer holds no personal data.',
  })
  @ApiOperationId()
  @ApiOkResponse({ type: ClientOperationResponse })
  async get(@CurrentCaller() caller: ClientCaller, @Param('id') id: string): Promise<ClientOperationResponse> {
    const isOther = id !== caller.clientOperationId;
    const operation = await this.operations.get(caller, id);
    if (isOther) throw new AppError('not_found', 'There is no such operation.');
    return toClientOperationResponse(operation);
  }
}
