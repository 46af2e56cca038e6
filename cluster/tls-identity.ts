/**
 * Who a certificate names: one URI in its subject's alternative names, `spiffe://shardpay/<role>[+<role>…]/<node>`. Its
 * subject and host names mean nothing here.
 */
import { X509Certificate } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import type { PipeIdentity } from './link.ts'
import type { Role } from './member.ts'

const knownRoles: readonly string[] = ['node', 'gateway', 'operator'] satisfies readonly Role[]
const identityPattern = /^URI:spiffe:\/\/shardpay\/([a-z]+(?:\+[a-z]+)*)\/([a-z0-9-]{1,24})$/

export function identityUri({ node, roles }: PipeIdentity): string {
  return `spiffe://shardpay/${roles.join('+')}/${node}`
}

/** Undefined where the certificate names nobody, or more than one. */
export function identityIn(certificate: X509Certificate): PipeIdentity | undefined {
  const uris = (certificate.subjectAltName ?? '').split(', ').filter((name) => name.startsWith('URI:'))
  const [, roles, node] = (uris.length === 1 ? identityPattern.exec(uris[0] ?? '') : null) ?? []
  if (roles === undefined || node === undefined) return undefined
  const named = roles.split('+')
  return named.every((role) => knownRoles.includes(role)) ? { node, roles: named as Role[] } : undefined
}

/** Of the other end of an authorized connection. */
export function identityOf(socket: TLSSocket): PipeIdentity | undefined {
  const { raw } = socket.getPeerCertificate() as { raw?: Buffer }
  return raw === undefined ? undefined : identityIn(new X509Certificate(raw))
}
