/**
 * A network of this test's own: a bridge, and behind it hosts, each a network namespace with one address. A process is put
 * on a host by running it under `host.enter`. Traffic of a host is cut by rules inside its namespace:
 *
 *   drop    packets vanish, as behind a cut cable or a full queue; senders find out by their own timeouts
 *   reset   TCP is answered with a reset at once, as by a firewall that rejects; the sender knows immediately
 *
 * in one direction or both, towards some addresses or all. Services that are never cut (databases, simulators, the test
 * itself) listen on addresses of the bridge.
 *
 * Everything carries this process's id in its name. `remove` takes it away; what a killed test run left behind is removed
 * by the next one, together with the processes in it.
 */
import { randomInt } from 'node:crypto'
import { isAlive } from '../../../persistence/os-process.ts'
import { tool } from './tools.ts'

export type Direction = 'in' | 'out' | 'both'

export interface Cut {
  /** As the host sees it: `in` is what it hears, `out` is what it says. */
  readonly direction: Direction
  readonly how: 'drop' | 'reset'
  /** Addresses of the others; everybody where absent, the test at the bridge's own address excepted. */
  readonly peers?: readonly string[]
}

const prefix = 'shpc'

/** Interfaces' names have 15 characters at most; these are told apart by process, and by network within it. */
let networks = 0

export class PrivateNetwork {
  /** The address of the bridge: the test's own. */
  readonly address: string
  readonly #name: string
  readonly #subnet: string
  #used = 1
  readonly #hosts: Host[] = []

  private constructor(name: string, subnet: string) {
    this.#name = name
    this.#subnet = subnet
    this.address = `${subnet}.1`
  }

  static async create(): Promise<PrivateNetwork> {
    await removeLeftovers()
    const name = `${prefix}${process.pid.toString(36)}${(networks++).toString(36)}`
    const used = await tool('ip', '-o', '-4', 'addr')
    let subnet: string
    do subnet = `10.${randomInt(128, 255)}.${randomInt(0, 255)}`
    while (used.includes(` ${subnet}.`))
    const network = new PrivateNetwork(name, subnet)
    await tool('ip', 'link', 'add', name, 'type', 'bridge')
    try {
      await tool('ip', 'addr', 'add', `${network.address}/24`, 'dev', name)
      await tool('ip', 'link', 'set', name, 'up')
    } catch (error) {
      await network.remove()
      throw error
    }
    return network
  }

  /** Another address of the bridge, for a service that all hosts reach and that cuts can name. */
  async addService(): Promise<string> {
    const address = this.#nextAddress()
    await tool('ip', 'addr', 'add', `${address}/24`, 'dev', this.#name)
    return address
  }

  async addHost(): Promise<Host> {
    const number = this.#hosts.length
    const namespace = `${this.#name}-${number}`
    const host = new Host(namespace, this.#nextAddress(), this.address)
    this.#hosts.push(host)
    const outer = `${this.#name}v${number}`
    await tool('ip', 'netns', 'add', namespace)
    await tool('ip', 'link', 'add', outer, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
    await tool('ip', 'link', 'set', outer, 'master', this.#name, 'up')
    await tool('ip', '-n', namespace, 'addr', 'add', `${host.address}/24`, 'dev', 'eth0')
    await tool('ip', '-n', namespace, 'link', 'set', 'lo', 'up')
    await tool('ip', '-n', namespace, 'link', 'set', 'eth0', 'up')
    await host.prepare()
    return host
  }

  /** Ends processes that are still on its hosts, then removes everything. Whatever was there before stays. */
  async remove(): Promise<void> {
    for (const host of this.#hosts.splice(0)) await removeNamespace(host.namespace)
    await tool('ip', 'link', 'del', this.#name)
  }

  #nextAddress(): string {
    this.#used += 1
    return `${this.#subnet}.${this.#used}`
  }
}

export class Host {
  readonly namespace: string
  readonly address: string
  /** A command line after this runs on the host, under the same process id. */
  readonly enter: readonly string[]
  readonly #control: string

  constructor(namespace: string, address: string, control: string) {
    this.namespace = namespace
    this.address = address
    this.#control = control
    this.enter = ['ip', 'netns', 'exec', namespace]
  }

  async prepare(): Promise<void> {
    await this.#nft('add table inet chaos')
    for (const hook of ['input', 'output']) {
      await this.#nft(`add chain inet chaos ${hook} { type filter hook ${hook} priority 0; }`)
    }
  }

  /**
   * The host's own loopback leads to a service at this port: for clients that talk plainly to their own machine alone. What
   * is cut towards the service is cut here too.
   */
  async forwardLoopback(port: number, address: string): Promise<void> {
    await tool(...this.enterWith('sysctl', '-qw', 'net.ipv4.conf.all.route_localnet=1'))
    await this.#nft('add table ip loopback')
    await this.#nft('add chain ip loopback output { type nat hook output priority -100; }')
    await this.#nft('add chain ip loopback postrouting { type nat hook postrouting priority 100; }')
    await this.#nft(`add rule ip loopback output ip daddr 127.0.0.1 tcp dport ${port} dnat to ${address}`)
    await this.#nft('add rule ip loopback postrouting oif != lo ip saddr 127.0.0.1 masquerade')
  }

  /** Takes effect for connections that exist and for new ones; several cuts add up until `heal`. */
  async cut({ direction, how, peers }: Cut): Promise<void> {
    const verdict = how === 'drop' ? 'drop' : 'meta l4proto tcp reject with tcp reset'
    const matching = (field: string): string =>
      peers === undefined ? `ip ${field} != ${this.#control}` : `ip ${field} { ${peers.join(', ')} }`
    if (direction !== 'out') await this.#nft(`add rule inet chaos input iif != lo ${matching('saddr')} ${verdict}`)
    if (direction !== 'in') await this.#nft(`add rule inet chaos output oif != lo ${matching('daddr')} ${verdict}`)
  }

  async heal(): Promise<void> {
    for (const chain of ['input', 'output']) await this.#nft(`flush chain inet chaos ${chain}`)
  }

  async #nft(command: string): Promise<void> {
    await tool(...this.enterWith('nft', command))
  }

  enterWith(...command: readonly string[]): [string, ...string[]] {
    return ['ip', 'netns', 'exec', this.namespace, ...command]
  }
}

async function removeNamespace(namespace: string): Promise<void> {
  const pids = (await tool('ip', 'netns', 'pids', namespace)).split('\n').filter(Boolean).map(Number)
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
  await tool('ip', 'netns', 'del', namespace)
}

/** Of test runs that do not live any more: their process id is in the name. */
async function removeLeftovers(): Promise<void> {
  const named = new RegExp(`^${prefix}([0-9a-z]+)[0-9a-z](-[0-9]+)?$`)
  const leftBehind = async (name: string): Promise<boolean> => {
    const pid = named.exec(name)?.[1]
    return pid !== undefined && !(await isAlive(Number.parseInt(pid, 36)))
  }
  for (const line of (await tool('ip', 'netns', 'list')).split('\n')) {
    const name = line.split(' ')[0] ?? ''
    if (await leftBehind(name)) await removeNamespace(name)
  }
  for (const { ifname } of JSON.parse(await tool('ip', '-j', 'link', 'show', 'type', 'bridge')) as {
    ifname?: string
  }[]) {
    if (ifname !== undefined && (await leftBehind(ifname))) await tool('ip', 'link', 'del', ifname)
  }
}
