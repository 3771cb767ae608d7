import type { Contest, Difference } from './contest.ts'

/** What was sent and what explained the answers, for the log. */
export function summary({ requests, statuses, explained }: Contest, seed: number): string {
  const list = (counts: ReadonlyMap<string | number, number>) =>
    [...counts]
      .sort(([, a], [, b]) => b - a)
      .map(([key, n]) => `${key}: ${n}`)
      .join(', ')
  return `fuzz, seed ${seed}: ${requests} requests; MLflow answered ${list(statuses)}; explained by ${list(explained)}`
}

/** All that is needed to understand a difference, and to find it again. */
export function report(seed: number, { model, path, recorded, answer }: Difference): string {
  const { status, response, response_headers, ...request } = recorded
  const again = `BATON_FUZZ_SEED=${seed} BATON_FUZZ_MODEL=${model.name} BATON_FUZZ_PATH=${path}`
  return [
    `again: ${again} npx vitest run --config vitest.interop.config.ts test/interop/fuzz.test.ts`,
    `model: ${JSON.stringify(model)}`,
    `request: ${JSON.stringify(request)}`,
    `MLflow: ${status} ${response_headers?.['content-type']} ${response}`,
    `Baton:  ${answer.status} ${answer.contentType} ${answer.body}`,
  ].join('\n')
}
