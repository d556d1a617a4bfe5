import { Controller, Get, Header } from '@nestjs/common';
import { ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { Open, problemResponses } from '../../auth/access.decorator.js';
import { AppError } from '../../common/app-error.js';
import { IdParam } from '../../common/http/id-param.decorator.js';
import { JwksResponse, toJwk } from './jwks.dto.js';
import { JwksRepository } from './jwks.repository.js';

/** Shorter than any overlap worth the name, so that a verifier that remembers keys knows the new one in time. */
const CACHE_CONTROL = 'public, max-age=300';

@ApiTags('Webhooks')
@Controller('.well-known/jwks')
export class JwksController {
  constructor(private readonly keys: JwksRepository) {}

  @Get(':endpoint_id.json')
  @Open()
  @Header('cache-control', CACHE_CONTROL)
  @Header('access-control-allow-origin', '*')
  @ApiOperation({
    summary: "An ed25519 endpoint's public keys",
    security: [],
    description:
      'A JSON Web Key Set (RFC 7517), open to everyone. Keep it for five minutes, and ask again when no key verifies.',
  })
  @ApiOkResponse({ type: JwksResponse })
  @ProblemsOfOpenRoute()
  async list(@IdParam('we', 'endpoint_id') id: string): Promise<JwksResponse> {
    const keys = await this.keys.listLive(id);
    if (keys.length === 0) throw new AppError('not_found', 'There is no ed25519 endpoint with this id.');
    return { keys: keys.map(toJwk) };
  }
}

function ProblemsOfOpenRoute(): MethodDecorator {
  const decorators = problemResponses(['not_found', 'invalid_input', 'internal', 'unavailable']);
  return (target, key, descriptor) => decorators.forEach((decorate) => void decorate(target, key, descriptor));
}
