/** Where the numbers of one field lie in the scanner's array: element j of row r at `offset + r * stride + j`. */
export interface ScannedField {
  /** In the plan's fields. */
  readonly place: number
  readonly shape: readonly number[]
  readonly offset: number
  readonly stride: number
  /** Whether a token of it had a point or an exponent. */
  readonly hasFloat: boolean
}

/** What the scanner's array holds. */
export type ScannedBody =
  | { readonly form: 'list'; readonly shape: readonly number[] }
  | { readonly form: 'arrays'; readonly fields: readonly ScannedField[] }
  /** Rows of scalars; `places` says which field of the plan each column is, by name or by position. */
  | {
      readonly form: 'frame'
      readonly rows: number
      readonly width: number
      readonly places: readonly number[]
    }
