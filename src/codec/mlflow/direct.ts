import { NumberScanner } from '../json/number-scanner.ts'
import { buildFeeds } from './direct-feeds.ts'
import { scanBody } from './direct-forms.ts'
import { type DirectPlan, planDirect } from './direct-plan.ts'
import type { ScannedBody } from './direct-scanned.ts'
import type { AnswerForm, Invocation, ModelContract } from './invocation.ts'

/** Reads a JSON body directly, or gives undefined: then the general path has the exact answer or error. */
export type DirectDecoder = (body: Uint8Array) => Invocation | undefined

const DICT: AnswerForm = { layout: 'dict', wrapped: true }
const RECORDS: AnswerForm = { layout: 'records', wrapped: true }

/**
 * A decoder for the common bodies of one version: `inputs`, `instances`, `dataframe_split` and `dataframe_records`
 * that hold nothing but numbers. It reads the bytes once and puts the numbers where the engine wants them; every
 * array it returns has a buffer of its own and may be transferred.
 *
 * Where it returns an invocation, that is bit for bit the one of the general path.
 */
export function createDirectDecoder(contract: ModelContract): DirectDecoder {
  const plan = planDirect(contract)
  if (plan === undefined) return () => undefined
  // a float32 input needs a number only as far as its rounding to float32 shows
  const isSingle = plan.inputs.every((input) => input.dtype === 'float32')
  const spareFlag = 1
  const scanner = new NumberScanner(plan.fields.length + spareFlag, isSingle ? 'single' : 'double')
  return (body) => {
    if (!scanner.open(body)) return undefined
    const scanned = scanBody(scanner, plan)
    const feeds = scanned && buildFeeds(plan, scanner, scanned)
    scanner.close()
    return scanned && feeds && { feeds, answer: answerForm(plan, scanned) }
  }
}

/** As MLflow's wrapper answers: records where the model was given a DataFrame. */
function answerForm(plan: DirectPlan, body: ScannedBody): AnswerForm {
  const isFrame = plan.kind === 'columns' || (plan.kind === 'none' && body.form === 'frame')
  return isFrame ? RECORDS : DICT
}
