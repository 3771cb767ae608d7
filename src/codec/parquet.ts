import type { Compressors, FileMetaData, SchemaElement, SchemaTree } from 'hyparquet'
import { type ParquetField, type ParquetType, parquetType } from './parquet-type.ts'

/**
 * A value of a column, nothing lost: 64-bit integers, decimals (without their point), times and timestamps (counts of
 * their unit) are bigints, dates days since 1970, a struct a Map, a map a list of pairs.
 */
export type ParquetValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly ParquetValue[]
  | ReadonlyMap<string, ParquetValue>

export interface ParquetColumn extends ParquetField {
  readonly values: readonly ParquetValue[]
}

export interface ParquetTable {
  /** All columns of the file in their order, those of a pandas index too. */
  readonly columns: readonly ParquetColumn[]
  readonly rows: number
  /** What pandas wrote beside its data: the JSON under the key `pandas`, if there is any. */
  readonly pandas: string | undefined
}

/** Bytes that are no Parquet file, or more than is read; `message` is in pyarrow's words where it has some. */
export class ParquetError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ParquetError'
  }
}

/**
 * Reads a Parquet file whole. The reader (hyparquet) is loaded with the first one.
 * @throws ParquetError
 */
export async function readParquet(bytes: Uint8Array): Promise<ParquetTable> {
  checkFooter(bytes)
  const { parquetMetadata, parquetSchema } = await import('hyparquet')
  const { unpackPages } = await import('./parquet-pages.ts')
  const metadata = attempt("Couldn't deserialize thrift: No more data to read.\n", () => {
    const read = parquetMetadata(bytes, { geoparquet: false, parsers: COUNTS })
    return { ...read, schema: read.schema.map((element) => ({ ...element })) }
  })
  const schema = attempt('Invalid schema', () => parquetSchema(metadata))
  const fields = attempt('Invalid schema', () => schema.children.map(fieldOf))
  if (new Set(fields.map((field) => field.name)).size < fields.length) {
    throw new ParquetError('Expected columns of different names, got one twice')
  }
  const compressors = attempt('Invalid pages', () => unpackPages(bytes, metadata, schema))
  keepDecimals(metadata.schema)
  const rows = Number(metadata.num_rows)
  if (!(rows >= 0 && rows <= MAX_ROWS)) {
    throw new ParquetError(`Expected at most ${MAX_ROWS} rows, got ${rows}`)
  }
  const values = await readColumns(bytes, metadata, compressors, fields)
  const columns = fields.map((field) => ({ ...field, values: values.get(field.name) ?? [] }))
  for (const { name, values: found } of columns) {
    if (found.length === rows) continue
    throw new ParquetError(`Expected ${rows} values in column '${name}', got ${found.length}`)
  }
  const pandas = metadata.key_value_metadata?.find(({ key }) => key === 'pandas')?.value
  return { columns, rows, pandas }
}

const MAX_ROWS = 2 ** 24

const NOT_OPEN = "Could not open Parquet input source '<Buffer>': "
const FOOTER_BYTES = 8

/** pyarrow's own checks (cpp/src/parquet/file_reader.cc), in its order. */
function checkFooter(bytes: Uint8Array): void {
  const size = bytes.length
  if (size === 0) throw new ParquetError(`${NOT_OPEN}Parquet file size is 0 bytes`)
  if (size < FOOTER_BYTES) {
    throw new ParquetError(
      `${NOT_OPEN}Parquet file size is ${size} bytes, smaller than the minimum file footer (8 bytes)`,
    )
  }
  const footer = new DataView(bytes.buffer, bytes.byteOffset + size - FOOTER_BYTES, FOOTER_BYTES)
  if (footer.getUint32(4) !== 0x50415231) {
    throw new ParquetError(
      `${NOT_OPEN}Parquet magic bytes not found in footer. Either the file is corrupted or this is not a parquet file.`,
    )
  }
  const length = footer.getUint32(0, true)
  if (length > size - FOOTER_BYTES) {
    throw new ParquetError(
      `${NOT_OPEN}Parquet file size is ${size} bytes, smaller than the size reported by footer's (${length}bytes)`,
    )
  }
}

/** What the reader throws for bytes that contradict themselves may be of any kind. */
function attempt<T>(what: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ParquetError) throw error
    throw new ParquetError(NOT_OPEN + what, { cause: error })
  }
}

function fieldOf(node: SchemaTree): ParquetField {
  return { name: node.element.name, type: parquetType(node) }
}

/** The reader makes doubles of decimals: without their annotation it leaves them as they are stored. */
function keepDecimals(schema: readonly SchemaElement[]): void {
  for (const element of schema) {
    if (element.converted_type !== 'DECIMAL' && element.logical_type?.type !== 'DECIMAL') continue
    delete element.converted_type
    delete element.logical_type
  }
}

const same = <T>(value: T) => value

/** Counts instead of Dates, which hold milliseconds only, and bytes instead of what they may mean. */
const COUNTS = {
  timestampFromMilliseconds: same<bigint>,
  timestampFromMicroseconds: same<bigint>,
  timestampFromNanoseconds: same<bigint>,
  dateFromDays: same<number>,
  stringFromBytes: same<Uint8Array>,
  jsonFromBytes: same<Uint8Array>,
  geometryFromBytes: same<Uint8Array>,
  geographyFromBytes: same<Uint8Array>,
  uuidFromBytes: same<Uint8Array>,
}

const TEXT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
const text = (bytes: Uint8Array | undefined) => bytes && TEXT.decode(bytes)

/** Values too: text where a column is annotated as text. */
const VALUES = { ...COUNTS, stringFromBytes: text, jsonFromBytes: text }

async function readColumns(
  bytes: Uint8Array,
  metadata: FileMetaData,
  compressors: Compressors,
  fields: readonly ParquetField[],
): Promise<ReadonlyMap<string, readonly ParquetValue[]>> {
  const { parquetRead } = await import('hyparquet')
  const file = {
    byteLength: bytes.length,
    slice: (start: number, end?: number) => Uint8Array.from(bytes.subarray(start, end)).buffer,
  }
  // nothing catches what this throws
  const chunks: Chunk[] = []
  const onChunk = (chunk: Chunk) => {
    chunks.push(chunk)
  }
  try {
    const options = { file, metadata, compressors, utf8: false, parsers: VALUES }
    await parquetRead({ ...options, onChunk })
    chunks.sort((a, b) => a.rowStart - b.rowStart)
    return new Map(fields.map((field) => [field.name, valuesOf(field, chunks)]))
  } catch (error) {
    throw new ParquetError('Corrupt Parquet pages', { cause: error })
  }
}

interface Chunk {
  readonly columnName: string
  readonly columnData: ArrayLike<unknown>
  readonly rowStart: number
}

function valuesOf({ name, type }: ParquetField, chunks: readonly Chunk[]): readonly ParquetValue[] {
  const values: ParquetValue[] = []
  for (const { columnName, columnData } of chunks) {
    if (columnName !== name) continue
    for (let i = 0; i < columnData.length; i++) values.push(normal(columnData[i], type))
  }
  return values
}

/** A value as the reader gives it, in the form that {@link ParquetValue} promises. */
function normal(raw: unknown, type: ParquetType): ParquetValue {
  if (raw === null || raw === undefined || type.kind === 'null') return null
  switch (type.kind) {
    case 'list':
      return Array.from(raw as ArrayLike<unknown>, (item) => normal(item, type.items))
    case 'map':
      return Object.entries(raw).map(([key, value]) => [
        normal(key, type.keys),
        normal(value, type.values),
      ])
    case 'struct': {
      const struct = raw as Readonly<Record<string, unknown>>
      return new Map(type.fields.map(({ name, type: of }) => [name, normal(struct[name], of)]))
    }
    case 'integer':
      return integerOf(raw as number | bigint, type.bits, type.isSigned)
    case 'decimal':
      return raw instanceof Uint8Array ? bigEndian(raw) : BigInt(raw as number | bigint)
    case 'time':
    case 'timestamp':
      return BigInt(raw as number | bigint)
    default:
      return raw as boolean | number | string | Uint8Array
  }
}

function integerOf(raw: number | bigint, bits: number, isSigned: boolean): number | bigint {
  if (bits === 64) return isSigned ? BigInt(raw) : BigInt.asUintN(64, BigInt(raw))
  return isSigned ? Number(raw) : Number(raw) >>> 0
}

/** Two's complement, the most significant byte first. */
function bigEndian(bytes: Uint8Array): bigint {
  const hex = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
  return hex === '' ? 0n : BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`))
}
