/* Whether this browser and page can make calls at all (no insecure page can). */
export function callsSupported(): boolean {
  return (
    typeof RTCPeerConnection === "function" &&
    typeof navigator.mediaDevices?.getUserMedia === "function"
  );
}
