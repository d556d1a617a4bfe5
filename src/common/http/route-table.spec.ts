import { RouteTable } from './route-table.js';

describe('RouteTable', () => {
  const routes = new RouteTable();
  routes.add('GET', '/v1/events');
  routes.add(['POST', 'HEAD'], '/v1/events');
  routes.add('GET', '/v1/events/:id');
  routes.add('GET', '/v1/events/stream');
  routes.add('POST', '/v1/events/:id/redeliver');
  routes.add('GET', '/.well-known/jwks/:endpoint_id.json');
  routes.add('GET', '/docs/*');

  it.each([
    ['/v1/events', ['GET', 'HEAD', 'OPTIONS', 'POST']],
    ['/v1/%65vents', ['GET', 'HEAD', 'OPTIONS', 'POST']],
    ['/v1/events/evt_1', ['GET', 'OPTIONS']],
    ['/v1/events/stream', ['GET', 'OPTIONS']],
    ['/v1/events/evt_1/redeliver', ['OPTIONS', 'POST']],
    ['/.well-known/jwks/we_1.json', ['GET', 'OPTIONS']],
    ['/docs/a/b.css', ['GET', 'OPTIONS']],
  ])('knows the methods of %s', (path, methods) => {
    expect(routes.allowedMethods(path)).toEqual(methods);
  });

  it.each([
    '/',
    '/v1',
    '/v1/events/',
    '/v1//events',
    '/v1/events/a/b',
    '/.well-known/jwks/we_1',
    '/.well-known/jwks/.json',
    '/v1/%zz',
  ])('knows no methods of %s', (path) => {
    expect(routes.allowedMethods(path)).toEqual([]);
  });
});
