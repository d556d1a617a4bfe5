import { readSql } from '../../migrations/sql-files.js';
import { PUBLISH_EVENTS, publishArguments, writesNothing } from './publish-arguments.js';
import { planPublish } from './publish-plan.js';

const emptyPlan = planPublish([], {
  nowMs: 0,
  ledgers: new Map(),
  operations: new Map(),
  externalIds: new Map(),
  answers: new Map(),
});

/** The types of the parameters in the file of the function, in order. */
function declaredTypes(): string[] {
  const [, list] = /CREATE OR REPLACE FUNCTION signalpost\.publish_events\(\n([\s\S]*?)\n\) RETURNS/.exec(
    readSql('functions/publish_events.sql'),
  )!;
  return list!
    .split('\n')
    .filter((line) => !line.trim().startsWith('--'))
    .map((line) => line.trim().replace(/,$/, '').split(' ')[1]!);
}

describe('the call of publish_events', () => {
  it('casts each argument to the type that the function declares in its place', () => {
    const casts = [...PUBLISH_EVENTS.text.matchAll(/\$(\d+)::([a-z_.]+(?:\[\])?)/g)];
    expect(casts.map(([, place]) => Number(place))).toEqual(casts.map((_, index) => index + 1));
    expect(casts.map(([, , type]) => type)).toEqual(declaredTypes());
  });

  it('has as many values as the function has parameters', () => {
    expect(publishArguments(emptyPlan)).toHaveLength(declaredTypes().length);
  });

  it('is not made for a plan that writes nothing', () => {
    expect(writesNothing(emptyPlan)).toBe(true);
  });
});
