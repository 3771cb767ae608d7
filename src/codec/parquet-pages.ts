import type {
  ColumnMetaData,
  CompressionCodec,
  Compressors,
  FileMetaData,
  SchemaTree,
} from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'
import { checkRuns, levelWidth } from './parquet-runs.ts'
import { unpackPage } from './parquet-unpack.ts'

/** Values of all pages together. A run of one value repeated takes a few bytes, whatever its length. */
const MAX_VALUES = 2 ** 24

/** Bytes of all pages together, once unpacked. */
const MAX_BYTES = 2 ** 28

/** What the pages of a file add up to. */
interface Total {
  values: number
  bytes: number
}

type PageHeader = ReturnType<typeof parquetHeader>

/** Greatest levels of a leaf of the schema. */
interface Levels {
  readonly repetition: number
  readonly definition: number
}

/**
 * Unpacks all pages and looks through them for what would make the reader run on: a small file may announce far more than
 * memory holds. The chunks get codecs of their own, under which the reader finds their pages unpacked.
 * @throws Error for pages that are not inside the file, or too much of anything.
 */
export function unpackPages(
  bytes: Uint8Array,
  metadata: FileMetaData,
  schema: SchemaTree,
): Compressors {
  const total: Total = { values: 0, bytes: 0 }
  const found: Record<string, () => Uint8Array> = {}
  for (const { meta_data: chunk } of metadata.row_groups.flatMap((group) => group.columns)) {
    if (chunk === undefined) throw new Error('Expected the metadata of a column chunk')
    const levels = levelsOf(schema, chunk.path_in_schema)
    const pages = unpackChunk(bytes, chunk, levels, total)[Symbol.iterator]()
    const codec = `pages of chunk ${Object.keys(found).length}`
    found[codec] = () => pages.next().value ?? new Uint8Array(0)
    // the reader takes any text for a codec whose unpacker it is given
    chunk.codec = codec as CompressionCodec
  }
  return found as Compressors
}

function levelsOf(schema: SchemaTree, path: readonly string[]): Levels {
  let [node, repetition, definition] = [schema, 0, 0]
  for (const name of path) {
    const child = node.children.find((one) => one.element.name === name)
    if (child === undefined) throw new Error('Expected a path of the schema')
    node = child
    if (node.element.repetition_type !== 'REQUIRED') definition++
    if (node.element.repetition_type === 'REPEATED') repetition++
  }
  return { repetition, definition }
}

/** The pages that the reader asks its unpacker for, in that order. */
function unpackChunk(
  bytes: Uint8Array,
  chunk: ColumnMetaData,
  levels: Levels,
  total: Total,
): readonly Uint8Array[] {
  // a chunk without values may point anywhere
  if (Number(chunk.num_values) === 0) return []
  const { dictionary_page_offset: dictionary, data_page_offset: data } = chunk
  const start = Number(dictionary && dictionary < data ? dictionary : data)
  const end = start + Number(chunk.total_compressed_size)
  if (!(start >= 0 && end <= bytes.length)) throw new Error('Expected pages inside the file')
  const reader = { view: new DataView(bytes.buffer, bytes.byteOffset, end), offset: start }
  const pages: Uint8Array[] = []
  while (reader.offset < end) {
    const header = parquetHeader(reader)
    const next = reader.offset + whole(header.compressed_page_size)
    if (next > end) throw new Error('Expected a page inside its chunk')
    addUp(header, total)
    const page = unpackOne(bytes.subarray(reader.offset, next), header, chunk.codec, levels)
    checkValues(page, header, chunk.type)
    if (header.data_page_header_v2?.is_compressed !== false) pages.push(page.values)
    reader.offset = next
  }
  return pages
}

function addUp(header: PageHeader, total: Total): void {
  const { data_page_header: v1, data_page_header_v2: v2, dictionary_page_header: words } = header
  const values = whole((v1 ?? v2 ?? words)?.num_values ?? 0)
  const bytes = whole(header.uncompressed_page_size)
  // each value of this encoding may repeat nearly all of the page
  const copies = (v1 ?? v2)?.encoding === 'DELTA_BYTE_ARRAY' ? values : 1
  total.values += values
  total.bytes += bytes * copies
  if (total.values > MAX_VALUES) throw new Error(`Expected at most ${MAX_VALUES} values`)
  if (total.bytes > MAX_BYTES) throw new Error(`Expected at most ${MAX_BYTES} bytes`)
}

/** What the unpacker is to give for a page, and where in it the values begin, levels being before them. */
interface Page {
  readonly values: Uint8Array
  readonly at: number
}

function unpackOne(
  packed: Uint8Array,
  header: PageHeader,
  codec: CompressionCodec,
  levels: Levels,
): Page {
  const { data_page_header: v1, data_page_header_v2: v2 } = header
  if (v2 !== undefined) {
    const repetitionBytes = whole(v2.repetition_levels_byte_length)
    const levelBytes = repetitionBytes + whole(v2.definition_levels_byte_length)
    const { repetition, definition } = levels
    if (repetition > 0) checkRuns(packed, 0, levelWidth(repetition), v2.num_values)
    if (definition > 0) checkRuns(packed, repetitionBytes, levelWidth(definition), v2.num_values)
    const rest = packed.subarray(levelBytes)
    const size = whole(header.uncompressed_page_size - levelBytes)
    return { values: v2.is_compressed === false ? rest : unpackPage(codec, rest, size), at: 0 }
  }
  const values = unpackPage(codec, packed, header.uncompressed_page_size)
  return { values, at: v1 === undefined ? 0 : levelsEnd(values, v1.num_values, levels) }
}

/** Where the levels of a page of version 1 end: each kind begins with its length. */
function levelsEnd(page: Uint8Array, count: number, levels: Levels): number {
  let at = 0
  for (const most of [levels.repetition, levels.definition]) {
    if (most === 0) continue
    checkRuns(page, at + 4, levelWidth(most), count)
    at += 4 + new DataView(page.buffer, page.byteOffset, page.byteLength).getUint32(at, true)
  }
  return at
}

function checkValues({ values, at }: Page, header: PageHeader, type: string): void {
  const { data_page_header: v1, data_page_header_v2: v2 } = header
  const data = v1 ?? v2
  if (data === undefined || !/RLE|DICTIONARY/.test(data.encoding)) return
  const count = whole(data.num_values - (v2?.num_nulls ?? 0))
  if (type === 'BOOLEAN') checkRuns(values, at + 4, 1, count)
  else checkRuns(values, at + 1, values[at] ?? 0, count)
}

function whole(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error('Expected a count from 0 up')
  return value
}
