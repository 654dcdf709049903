import { connectHost } from "./host";
import { startPanel } from "./panel";

void connectHost().then(startPanel);
