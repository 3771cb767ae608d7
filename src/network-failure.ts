/** Variables that the message about a failed connection names. */
export interface NetworkVariables {
  /** The one with the server's address. */
  readonly address: string
  readonly caBundle: string
  /** Undefined where the client has none. */
  readonly clientCertificate?: string
}

/** The code of Node or OpenSSL at the bottom of a failed call. */
export function systemCode(error: unknown): string {
  let code = 'UNKNOWN'
  for (let at = error; at instanceof Error; at = at.cause) {
    if ('code' in at && typeof at.code === 'string') code = at.code
  }
  return code
}

/** Says of a connection that failed with a system code what to check: the predicate of a sentence. */
export function networkReason(code: string, variables: NetworkVariables): string {
  const { address, caBundle, clientCertificate } = variables
  switch (code) {
    case 'ECONNREFUSED':
      return `refused the connection: nothing listens there; check ${address} (host and port) and that the server runs`
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `cannot be reached: its host name does not resolve; check ${address} and the DNS`
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
      return `cannot be reached: no answer to the connection; check ${address}, network and firewall`
    case 'EPROTO':
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
      return `does not speak TLS on that port; should ${address} begin with http://?`
    case 'CERT_HAS_EXPIRED':
    case 'CERT_NOT_YET_VALID':
      return `showed a certificate that is not valid today (${code}); check the certificate and this machine's clock`
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `showed a certificate for another host name; check the host in ${address}`
  }
  if (/CERT_|SELF_SIGNED|LEAF_SIGNATURE|ISSUER/.test(code)) {
    return `showed a certificate that no known authority signed (${code}); set ${caBundle} to the CA bundle`
  }
  if (/ALERT|HANDSHAKE/.test(code)) {
    const hint =
      clientCertificate === undefined
        ? ''
        : `; if it asks for a client certificate, set ${clientCertificate}`
    return `refused the TLS handshake (${code})${hint}`
  }
  return `broke the connection (${code}); check that the server runs and that ${address} has the right scheme and port`
}
