import type { ColumnMetaData, FileMetaData } from 'hyparquet'
import { parquetHeader } from 'hyparquet/src/column.js'

/** Values of all pages together. A run of one value repeated takes a few bytes, whatever its length. */
const MAX_VALUES = 2 ** 24

/** Bytes of all pages together, once uncompressed. */
const MAX_BYTES = 2 ** 30

/**
 * Walks the headers of all pages and adds up what they announce, before any of them is unpacked: a small file may announce
 * far more than memory holds.
 * @throws Error for a page outside the file, or for too much.
 */
export function checkParquetPages(bytes: Uint8Array, metadata: FileMetaData): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const announced: Announced = { values: 0, bytes: 0 }
  for (const chunk of metadata.row_groups.flatMap((group) => group.columns)) {
    if (chunk.meta_data === undefined) throw new Error('Expected the metadata of a column chunk')
    walkPages(view, chunk.meta_data, announced)
  }
}

interface Announced {
  values: number
  bytes: number
}

function walkPages(view: DataView, chunk: ColumnMetaData, announced: Announced): void {
  const start = Number(chunk.dictionary_page_offset || chunk.data_page_offset)
  const end = start + Number(chunk.total_compressed_size)
  if (!(start >= 0 && end <= view.byteLength)) throw new Error('Expected pages inside the file')
  const reader = { view, offset: start }
  while (reader.offset < end) {
    const page = parquetHeader(reader)
    const header = page.data_page_header ?? page.data_page_header_v2 ?? page.dictionary_page_header
    announced.values += count(header?.num_values ?? 0)
    announced.bytes += count(page.uncompressed_page_size)
    reader.offset += count(page.compressed_page_size)
    if (announced.values > MAX_VALUES) throw new Error(`Expected at most ${MAX_VALUES} values`)
    if (announced.bytes > MAX_BYTES) throw new Error(`Expected at most ${MAX_BYTES} bytes`)
  }
}

function count(value: number): number {
  if (!Number.isSafeInteger(value) || value < 0) throw new Error('Expected a count from 0 up')
  return value
}
