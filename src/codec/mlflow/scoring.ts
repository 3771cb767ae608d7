import type { NamedTensors } from '../../model/tensor.ts'
import { writeAnswer } from './answer.ts'
import type { MediaType } from './content-type.ts'
import { decodeCsv } from './decode-csv.ts'
import { decodeJson } from './decode-json.ts'
import { decodeParquet } from './decode-parquet.ts'
import { createDirectDecoder } from './direct.ts'
import type { AnswerForm, CodecOptions, Invocation, ModelContract } from './invocation.ts'
import { refuseLong } from './row-limit.ts'

/** Reads the requests of one version and writes its answers, as MLflow's scoring server does. */
export interface ScoringCodec {
  /**
   * Reads a body. A promise only for Parquet.
   * @throws ServingError INVALID_REQUEST, INVALID_INPUT, INPUT_NOT_MAPPABLE, TOO_MANY_ROWS, all for `errorAnswer`.
   */
  decode(media: MediaType, body: Uint8Array): Invocation | Promise<Invocation>
  /**
   * As {@link decode} for a body that can be read in one pass, about 3 ns a byte; undefined for any other, which would
   * take about 50 ns a byte.
   */
  decodeDirectly(media: MediaType, body: Uint8Array): Invocation | undefined
  /**
   * The whole body of the answer.
   * @throws ServingError OUTPUT_NOT_ENCODABLE in strict JSON; INVALID_REQUEST where the wrapper cannot build its frame.
   */
  encode(answer: AnswerForm, outputs: NamedTensors): string | Uint8Array
}

/** The codec of a version: what can be decided once from its contract is. */
export function createScoringCodec(contract: ModelContract, options: CodecOptions): ScoringCodec {
  const decodeBytes = createDirectDecoder(contract)
  const { maxRows = Number.POSITIVE_INFINITY } = options
  const decodeDirectly = (body: Uint8Array) => {
    const invocation = decodeBytes(body)
    return invocation && refuseLong(invocation, maxRows)
  }
  return {
    decode(media, body) {
      switch (media) {
        case 'application/json':
          return decodeDirectly(body) ?? refuseLong(decodeJson(body, contract, options), maxRows)
        case 'text/csv':
          return refuseLong(decodeCsv(body, contract, options), maxRows)
        case 'application/vnd.apache.parquet':
          return decodeParquet(body, contract, options).then((it) => refuseLong(it, maxRows))
      }
    },
    decodeDirectly: (media, body) =>
      media === 'application/json' ? decodeDirectly(body) : undefined,
    encode: (answer, outputs) => writeAnswer(answer, outputs, contract, options),
  }
}
