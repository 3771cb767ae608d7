/** Where libraries are, which GPU is whose, where temporary files go, and what a local time is. No credentials. */
const PASSED_ON = [
  'PATH',
  'LD_LIBRARY_PATH',
  'DYLD_LIBRARY_PATH',
  'CUDA_VISIBLE_DEVICES',
  'NVIDIA_VISIBLE_DEVICES',
  'TMPDIR',
  'TEMP',
  'TMP',
  'SystemRoot',
  'TZ',
]

/** The environment of a process that runs a model which nobody trusts yet. */
export function childEnvironment(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<Record<string, string>> {
  const passed: Record<string, string> = {}
  for (const name of PASSED_ON) {
    const value = env[name]
    if (value !== undefined) passed[name] = value
  }
  return passed
}
