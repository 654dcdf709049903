/* As much of node as the unit tests use. */
declare module "node:test" {
  export function test(name: string, body: () => void | Promise<void>): void;
}
declare module "node:assert/strict" {
  interface Assert {
    equal(actual: unknown, expected: unknown, message?: string): void;
    deepEqual(actual: unknown, expected: unknown, message?: string): void;
    ok(value: unknown, message?: string): asserts value;
    rejects(promise: Promise<unknown>, check?: (e: unknown) => boolean): Promise<void>;
  }
  const assert: Assert;
  export default assert;
}
declare module "node:http" {
  export interface ServerResponse {
    writeHead(status: number, headers: Record<string, string>): ServerResponse;
    write(text: string): boolean;
    end(text?: string): ServerResponse;
  }
  interface Server {
    listen(port: number, host: string, then: () => void): void;
    address(): unknown;
    closeAllConnections(): void;
    close(): void;
  }
  export function createServer(
    answer: (request: unknown, response: ServerResponse) => void,
  ): Server;
}
