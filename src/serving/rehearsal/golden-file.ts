import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { ServingError } from '../../errors.ts'
import { type AnswerValue, isList, isObject, kindOf } from './answer-value.ts'
import type { Tolerance } from './mismatch.ts'

/** Name of the file in a model's folder. */
export const GOLDEN_FILE = 'golden.json'
/** It is read by the event loop, which takes 50 ms for as much. */
const MAX_BYTES = 1024 * 1024
const MAX_CASES = 256

const DEFAULT_TOLERANCE: Tolerance = { absolute: 1e-5, relative: 1e-4 }

/** A request and the answer that a version must give to it. */
export interface GoldenCase {
  /** For people: its own, or its place in the list. */
  readonly name: string
  /** A JSON body of MLflow's scoring protocol. */
  readonly request: AnswerValue
  /** The whole body of the answer. */
  readonly response: AnswerValue
  readonly tolerance: Tolerance
}

/**
 * The cases that a model brings along; undefined where its folder has no such file.
 * @throws ServingError MODEL_INVALID naming what was expected.
 */
export async function readGoldenFile(
  folder: string,
  parse: (json: Uint8Array) => AnswerValue,
): Promise<readonly GoldenCase[] | undefined> {
  const bytes = await readBounded(join(folder, GOLDEN_FILE))
  if (bytes === undefined) return undefined
  let root: AnswerValue
  try {
    root = parse(bytes)
  } catch (error) {
    throw invalid('JSON', error instanceof Error ? error.message : String(error))
  }
  return goldenCases(root)
}

async function readBounded(path: string): Promise<Uint8Array | undefined> {
  try {
    await using file = await open(path)
    const { size } = await file.stat()
    if (size > MAX_BYTES) throw invalid(`at most ${MAX_BYTES} bytes`, `${size}`)
    return await file.readFile()
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** @throws ServingError MODEL_INVALID naming what was expected. */
export function goldenCases(root: AnswerValue): readonly GoldenCase[] {
  const fields = fieldsOf(root, 'the file', ['tolerance', 'cases'])
  const tolerance = toleranceOf(fields.get('tolerance'), DEFAULT_TOLERANCE, '"tolerance"')
  const cases = fields.get('cases')
  if (cases === undefined || !isList(cases) || cases.length === 0) {
    throw invalid('"cases", a list of one case or more', shown(cases))
  }
  if (cases.length > MAX_CASES) throw invalid(`at most ${MAX_CASES} cases`, `${cases.length}`)
  return cases.map((value, i) => goldenCase(value, tolerance, `cases[${i}]`))
}

function goldenCase(value: AnswerValue, tolerance: Tolerance, place: string): GoldenCase {
  const fields = fieldsOf(value, place, ['name', 'request', 'response', 'tolerance'])
  const request = fields.get('request')
  const response = fields.get('response')
  const name = fields.get('name')
  if (request === undefined || !isObject(request)) {
    throw invalid(`${place}.request, an object`, shown(request))
  }
  if (response === undefined) throw invalid(`${place}.response`, 'none')
  if (name !== undefined && typeof name !== 'string') {
    throw invalid(`${place}.name, a text`, shown(name))
  }
  return {
    name: name ?? place,
    request,
    response,
    tolerance: toleranceOf(fields.get('tolerance'), tolerance, `${place}.tolerance`),
  }
}

function toleranceOf(
  value: AnswerValue | undefined,
  fallback: Tolerance,
  place: string,
): Tolerance {
  if (value === undefined) return fallback
  const fields = fieldsOf(value, place, ['absolute', 'relative'])
  const part = (name: 'absolute' | 'relative'): number => {
    const given = fields.get(name)
    if (given === undefined) return fallback[name]
    const number = typeof given === 'bigint' ? Number(given) : given
    if (typeof number === 'number' && number >= 0 && Number.isFinite(number)) return number
    throw invalid(`${place}.${name}, a number from 0 up`, shown(given))
  }
  return { absolute: part('absolute'), relative: part('relative') }
}

function fieldsOf(
  value: AnswerValue,
  place: string,
  names: readonly string[],
): ReadonlyMap<string, AnswerValue> {
  const known = names.map((name) => `"${name}"`).join(', ')
  if (!isObject(value)) throw invalid(`${place} to be an object with ${known}`, shown(value))
  const other = [...value.keys()].find((name) => !names.includes(name))
  if (other !== undefined) throw invalid(`${place} to have ${known} alone`, `"${other}"`)
  return value
}

function shown(value: AnswerValue | undefined): string {
  return value === undefined ? 'none' : `a value of kind ${kindOf(value)}`
}

function invalid(expected: string, received: string): ServingError {
  return new ServingError(
    'MODEL_INVALID',
    `${GOLDEN_FILE} of the model: expected ${expected}, received ${received}`,
  )
}
