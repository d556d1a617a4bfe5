import type request from 'supertest';

/** The whole shape of a problem; `fields` as `field: code`, in their order. */
export function expectProblem(response: request.Response, status: number, code: string, fields?: string[]): void {
  expect([response.status, (response.body as { code: string }).code]).toEqual([status, code]);
  expect(response.headers['content-type']).toBe('application/problem+json');
  expect(response.body).toMatchObject({
    type: `/docs/errors#${code}`,
    status,
    request_id: response.headers['request-id'],
  });
  const errors = (response.body as { errors: { field: string; code: string }[] }).errors;
  if (fields) expect(errors.map((error) => `${error.field}: ${error.code}`)).toEqual(fields);
}
