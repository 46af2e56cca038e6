/**
 * XML as a stream of elements with their texts and their places, with bounded memory. Document types, entities of one's own
 * and encodings other than UTF-8 are refused, and so is what is not well formed; nothing of it is repeated in the message.
 */
import { type SaxesAttributeNS, SaxesParser, type SaxesTagNS } from 'saxes'
import { reportLimits } from '../../runtime/limits.ts'
import { ReportRefused } from './errors.ts'

export interface OpenElement {
  /** Without a prefix. */
  readonly name: string
  readonly namespace: string
  /** The value of one without a namespace. */
  attribute(name: string): string | undefined
}

export interface XmlHandler {
  open(element: OpenElement, line: number): void
  /** Of the element that was opened last. @param text what stood directly in it, without blanks around it */
  close(text: string, line: number): void
}

export class XmlReader {
  readonly #parser: SaxesParser<{ xmlns: true; position: true }>
  /** Texts of the elements that are open. */
  readonly #texts: string[] = []
  /** Characters since something was read to its end. */
  #pending = 0

  constructor(handler: XmlHandler) {
    const parser = new SaxesParser({ xmlns: true, position: true } as const)
    this.#parser = parser
    parser.on('error', () => {
      throw this.refused('xml', 'is not well-formed XML')
    })
    parser.on('doctype', () => {
      throw this.refused('xml_forbidden', 'has a document type; those are not read')
    })
    parser.on('xmldecl', ({ encoding }) => {
      if (encoding === undefined || encoding.toLowerCase() === 'utf-8') return
      throw this.refused('encoding', 'the file says that it is in another encoding than UTF-8')
    })
    parser.on('text', (text) => this.#text(text))
    parser.on('cdata', (text) => this.#text(text))
    parser.on('comment', () => this.#progress())
    parser.on('processinginstruction', () => this.#progress())
    parser.on('opentag', (tag) => {
      this.#progress()
      this.#texts.push('')
      if (this.#texts.length > reportLimits.xmlDepthMax) {
        throw this.refused('too_many', `more than ${reportLimits.xmlDepthMax} elements are open`)
      }
      const { local: name, uri: namespace } = tag
      handler.open({ name, namespace, attribute: (attribute) => plainAttribute(tag, attribute) }, parser.line)
    })
    parser.on('closetag', () => {
      this.#progress()
      handler.close((this.#texts.pop() ?? '').trim(), parser.line)
    })
  }

  get line(): number {
    return this.#parser.line
  }

  read(text: string): void {
    this.#parser.write(text)
    this.#pending += text.length
    if (this.#pending > reportLimits.recordCharactersMax) {
      throw this.refused('too_long', `is longer than ${reportLimits.recordCharactersMax} characters without an end`)
    }
  }

  /** After the last text. */
  end(): void {
    this.#parser.close()
  }

  refused(code: ReportRefused['code'], rule: string): ReportRefused {
    return new ReportRefused(code, rule, { line: this.#parser.line, column: Math.max(this.#parser.column, 1) })
  }

  #text(text: string): void {
    this.#progress()
    const last = this.#texts.length - 1
    if (last < 0) return
    const whole = `${this.#texts[last]}${text}`
    if (whole.length > reportLimits.recordCharactersMax) {
      throw this.refused('too_long', `has a text of more than ${reportLimits.recordCharactersMax} characters`)
    }
    this.#texts[last] = whole
  }

  #progress(): void {
    this.#pending = 0
  }
}

function plainAttribute(tag: SaxesTagNS, name: string): string | undefined {
  const attribute: SaxesAttributeNS | undefined = Object.hasOwn(tag.attributes, name) ? tag.attributes[name] : undefined
  return attribute?.value
}
