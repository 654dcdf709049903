import { render } from "preact";
import { App } from "./app";
import { desk } from "./desk";

void desk.begin();
render(<App />, document.body);
