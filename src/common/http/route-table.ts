interface Route {
  readonly methods: Set<string>;
  readonly segments: readonly string[];
}

/** The routes that exist, to tell a wrong method from a wrong path. Asked only when no route matched. */
export class RouteTable {
  private readonly routes = new Map<string, Route>();

  add(method: string | readonly string[], pattern: string): void {
    let route = this.routes.get(pattern);
    if (route === undefined) {
      route = { methods: new Set(), segments: pattern.split('/') };
      this.routes.set(pattern, route);
    }
    for (const name of [method].flat()) route.methods.add(name);
  }

  /** Every route as `GET /v1/events/:id`, in the order of registration. */
  list(): string[] {
    return [...this.routes].flatMap(([pattern, { methods }]) => [...methods].map((method) => `${method} ${pattern}`));
  }

  /** The methods that `path` has, in the order of the alphabet; none when there is no such path. */
  allowedMethods(path: string): string[] {
    const segments = decodePath(path).split('/');
    const methods = new Set<string>();
    for (const route of this.routes.values()) {
      if (!matches(route.segments, segments)) continue;
      for (const method of route.methods) methods.add(method);
    }
    if (methods.size > 0) methods.add('OPTIONS');
    return [...methods].sort();
  }
}

function matches(pattern: readonly string[], path: readonly string[]): boolean {
  for (const [index, part] of pattern.entries()) {
    if (part === '*') return true;
    const segment = path[index];
    if (segment === undefined) return false;
    if (!part.startsWith(':')) {
      if (part !== segment) return false;
      continue;
    }
    const dot = part.indexOf('.');
    const suffix = dot < 0 ? '' : part.slice(dot);
    if (segment.length <= suffix.length || !segment.endsWith(suffix)) return false;
  }
  return pattern.length === path.length;
}

function decodePath(path: string): string {
  try {
    return decodeURI(path);
  } catch {
    return path;
  }
}
