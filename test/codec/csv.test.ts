import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { CsvError, parseCsv } from '../../src/codec/csv.ts'
import { MemoryBudget } from '../../src/codec/memory-budget.ts'
import { ServingError } from '../../src/errors.ts'

describe('a table of text', () => {
  it('has the names of the first line, and the others as columns', () => {
    expect(parseCsv('a,b\n1,x\n2,y\n')).toEqual({
      names: ['a', 'b'],
      headers: ['a', 'b'],
      indexColumns: 0,
      columns: [
        ['1', '2'],
        ['x', 'y'],
      ],
      rows: 2,
    })
  })

  it('tells names apart: repeated ones are numbered, empty ones made up', () => {
    expect(parseCsv('a,a,a.1,,a').names).toEqual(['a', 'a.2', 'a.1', 'Unnamed: 3', 'a.3'])
  })

  it('begins with an index where the first row is longer than the header', () => {
    const { names, indexColumns, columns } = parseCsv('a,b\n7,1,2\n8,3')
    expect([names, indexColumns]).toEqual([['a', 'b'], 1])
    expect(columns).toEqual([
      ['7', '8'],
      ['1', '3'],
      ['2', ''],
    ])
  })

  it.each([
    ['many lines', `a\n${'1\n'.repeat(10_000)}`],
    ['many fields', `a\n${'1,'.repeat(100_000)}`],
    ['short lines below a long one', `${','.repeat(1000)}\n${'1\n'.repeat(1000)}`],
  ])('is refused when its cells would take more memory than is allowed: %s', (_, text) => {
    expect(() => parseCsv(text, new MemoryBudget(2_000_000))).toThrow(ServingError)
  })

  it('refuses what is no table in words of pandas', () => {
    expect(() => parseCsv('\n  \n')).toThrow(new CsvError('No columns to parse from file'))
    expect(() => parseCsv('a\n1\n1,2\n')).toThrow(
      new CsvError('Error tokenizing data. C error: Expected 1 fields in line 3, saw 2\n'),
    )
    expect(() => parseCsv('a\n"1')).toThrow(
      new CsvError('Error tokenizing data. C error: EOF inside string starting at row 1'),
    )
  })
})

describe('any table', () => {
  const cell = fc.string({ unit: 'binary' }).filter((text) => !text.includes('\ufeff'))
  const width = fc.integer({ min: 1, max: 4 })
  const table = width.chain((columns) =>
    fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1 }),
  )
  const lineEnd = fc.constantFrom('\n', '\r\n', '\r')

  it('comes back from its text when every cell is quoted', () => {
    fc.assert(
      fc.property(table, lineEnd, (rows, end) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
        const header = rows[0]?.map((_, i) => `c${i}`) ?? []
        const text = [header, ...rows].map((row) => row.map(quoted).join(',') + end).join('')
        const { names, columns } = parseCsv(text)
        expect(names).toEqual(header)
        expect(rows.map((_, row) => columns.map((cells) => cells[row]))).toEqual(rows)
      }),
    )
  })

  it('is read or refused, in time that grows with its length only', () => {
    for (const piece of [
      ',',
      '\n',
      '\r',
      ' \r',
      '\r ',
      '\r,',
      'a,',
      '"',
      '""',
      '"a"\n',
      'a\r b',
      ' a\r',
    ]) {
      const text = `a\n${piece.repeat(20_000)}`
      try {
        parseCsv(text)
      } catch (error) {
        expect(error).toBeInstanceOf(CsvError)
      }
    }
  })
})
