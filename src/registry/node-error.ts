/** Whether a failure is one of Node's system errors, with one of the codes where some are given. */
export function isNodeError(
  error: unknown,
  ...codes: readonly string[]
): error is NodeJS.ErrnoException {
  if (!(error instanceof Error && 'code' in error)) return false
  return codes.length === 0 || codes.includes(String(error.code))
}
