/**
 * A certificate authority for development and tests: issues what links need, with keys that never left the machine. It has
 * no revocation and no register; production certificates come from an authority that has.
 */
import './tls-reflect.ts'
import * as x509 from '@peculiar/x509'
import type { PipeIdentity } from './link.ts'
import { identityUri } from './tls-identity.ts'

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** Of the global `crypto`: whose types those are depends on whether some file asks for a browser's. */
type Keys = x509.X509CertificateCreateSelfSignedParams['keys']

export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

export interface Issued {
  readonly certificate: string
  /** PKCS #8, not encrypted. */
  readonly key: string
}

export class DevelopmentAuthority {
  readonly #certificate: x509.X509Certificate
  readonly #keys: Keys
  /** PEM. */
  readonly certificate: string
  readonly key: string

  private constructor(certificate: x509.X509Certificate, keys: Keys, key: string) {
    this.#certificate = certificate
    this.#keys = keys
    this.certificate = `${certificate.toString('pem')}\n`
    this.key = key
  }

  static async create(name: string, validity: Validity): Promise<DevelopmentAuthority> {
    const keys = await makeKeys()
    const certificate = await x509.X509CertificateGenerator.createSelfSigned({
      ...validity,
      name: `CN=${name}`,
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    })
    return new DevelopmentAuthority(certificate, keys, await pemOf(keys.privateKey))
  }

  /** The authority in these PEM texts, to issue more. */
  static async from({ certificate, key }: Issued): Promise<DevelopmentAuthority> {
    const known = new x509.X509Certificate(certificate)
    const [der] = x509.PemConverter.decode(key)
    if (der === undefined) throw new Error('the authority has no key')
    const privateKey = await crypto.subtle.importKey('pkcs8', der, algorithm, true, ['sign'])
    const publicKey = await known.publicKey.export(algorithm, ['verify'])
    return new DevelopmentAuthority(known, { privateKey, publicKey }, key)
  }

  async issue(identity: PipeIdentity, validity: Validity): Promise<Issued> {
    const keys = await makeKeys()
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity,
      subject: `CN=${identity.node}`,
      issuer: this.#certificate.subject,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        // a process dials and is dialled
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: 'url', value: identityUri(identity) }]),
        await x509.AuthorityKeyIdentifierExtension.create(this.#certificate.publicKey),
      ],
    })
    return { certificate: `${certificate.toString('pem')}\n`, key: await pemOf(keys.privateKey) }
  }
}

function makeKeys(): Promise<Keys> {
  return crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

async function pemOf(key: Keys['privateKey']): Promise<string> {
  return `${x509.PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`
}
