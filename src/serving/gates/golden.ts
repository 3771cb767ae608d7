import type { Clock } from '../../clock.ts'
import { ServingError } from '../../errors.ts'
import type { Candidate } from '../candidate.ts'
import type { Gate } from '../handover/bring-up.ts'
import { answerBy, type RequestReader } from '../rehearsal/answering.ts'
import { GOLDEN_FILE, type GoldenCase, readGoldenFile } from '../rehearsal/golden-file.ts'
import { mismatch } from '../rehearsal/mismatch.ts'
import type { RehearsalSettings } from '../rehearsal/rehearsal-settings.ts'
import { within } from '../rehearsal/within.ts'

export interface GoldenParts<Contract> {
  readonly settingsFor: (modelName: string) => Pick<RehearsalSettings, 'timeoutMs'>
  readonly reader: RequestReader<Contract>
  readonly clock: Clock
}

/**
 * A gate that asks the requests of the model's own `golden.json`, on first load as well. It rejects with MODEL_INVALID
 * where the file has another form, and with REHEARSAL_FAILED where an answer is not the expected one.
 */
export function createGoldenGate<Contract>(parts: GoldenParts<Contract>): Gate<Contract> {
  const { clock, reader, settingsFor } = parts
  return async (candidate, _serving, signal) => {
    const cases = await readGoldenFile(candidate.folder, reader.parse)
    if (cases === undefined) return {}
    const ms = settingsFor(candidate.registered.name).timeoutMs
    const late = () => failed(`its cases were not answered within ${ms} ms (--rehearsal-timeout)`)
    await within(askAll(candidate, cases, parts, signal), { clock, ms, signal }, late)
    return { goldenCases: cases.length }
  }
}

async function askAll<Contract>(
  candidate: Candidate<Contract>,
  cases: readonly GoldenCase[],
  parts: GoldenParts<Contract>,
  signal: AbortSignal,
): Promise<void> {
  const wrong: string[] = []
  for (const golden of cases) {
    signal.throwIfAborted()
    const problem = await ask(candidate, golden, parts)
    if (problem !== undefined) wrong.push(`"${golden.name}": ${problem}`)
  }
  const [first] = wrong
  if (first === undefined) return
  throw failed(
    `${wrong.length} of ${cases.length} cases are answered otherwise, the first ${first}`,
  )
}

async function ask<Contract>(
  { model, contract }: Candidate<Contract>,
  { request, response, tolerance }: GoldenCase,
  { reader, clock }: GoldenParts<Contract>,
): Promise<string | undefined> {
  const asked = { media: 'application/json', body: reader.write(request) } as const
  try {
    const answered = await answerBy(model, contract, asked, reader, clock)
    if (answered === undefined) return 'the engine cannot read a request of this size'
    return mismatch(response, reader.parse(answered.answer), tolerance)
  } catch (error) {
    const { code, message, row } = ServingError.from(error)
    // The process or worker under the model has gone, which says nothing about the case.
    if (row.retryable || code === 'TRIAL_FAILED') throw error
    return `${code}: ${message}`
  }
}

function failed(reason: string): ServingError {
  return new ServingError('REHEARSAL_FAILED', `${GOLDEN_FILE} of the model: ${reason}`)
}
