/** The scheme of an artifact URI in lower case; empty for a plain path, a Windows drive included. */
export function schemeOf(uri: string): string {
  return /^([a-z][a-z0-9+.-]+):/i.exec(uri)?.[1]?.toLowerCase() ?? ''
}

/** An artifact URI fit for a message: no login, no query, and no path of this machine. */
export function describeSource(uri: string): string {
  const scheme = schemeOf(uri)
  if (scheme === '' || scheme === 'file') return 'the local folder of the version'
  const shown = uri.replace(/[?#].*$/, '')
  // The bucket of r2: and b2: stands where others have a login.
  if (scheme === 'r2' || scheme === 'b2') return shown
  return shown.replace(/\/\/[^/@]*@/, '//')
}
