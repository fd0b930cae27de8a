"""Every GraphQL document sent to Connector and Director. What varies goes along as variables, never in the text.

Source: the schemas of kyma-incubator/compass; the fields are those that the Runtime Agent reads, and besides them the
specifications, serialized headers and the type of credentials.
"""

_PAGE = "pageInfo { endCursor hasNextPage } totalCount"

_AUTH = """
    credential {
      __typename
      ... on BasicCredentialData { username password }
      ... on OAuthCredentialData { clientId clientSecret url }
    }
    additionalHeaders additionalHeadersSerialized additionalQueryParams additionalQueryParamsSerialized
    requestAuth { csrf { tokenEndpointURL } }
"""

_APIS = f"data {{ id name targetURL spec {{ data format type }} }} {_PAGE}"
_EVENTS = f"data {{ id name spec {{ data format type }} }} {_PAGE}"

_BUNDLES = f"""data {{
  id name description instanceAuthRequestInputSchema
  defaultInstanceAuth {{ {_AUTH} }}
  apiDefinitions(first: 200) {{ {_APIS} }}
  eventDefinitions(first: 200) {{ {_EVENTS} }}
}} {_PAGE}"""

LISTING = f"""query Listing($runtime: ID!, $first: Int!, $after: PageCursor) {{
  runtime(id: $runtime) {{ labels }}
  applicationsForRuntime(runtimeID: $runtime, first: $first, after: $after) {{ data {{ id name }} {_PAGE} }}
}}"""

APPLICATIONS = f"""query Applications($runtime: ID!, $first: Int!, $after: PageCursor) {{
  applicationsForRuntime(runtimeID: $runtime, first: $first, after: $after) {{
    data {{ id name description auths {{ id }} bundles(first: 200) {{ {_BUNDLES} }} }} {_PAGE}
  }}
}}"""

BUNDLES = f"""query Bundles($application: ID!, $after: PageCursor) {{
  application(id: $application) {{ bundles(first: 200, after: $after) {{ {_BUNDLES} }} }}
}}"""

APIS = f"""query ApiDefinitions($application: ID!, $bundle: ID!, $after: PageCursor) {{
  application(id: $application) {{
    bundle(id: $bundle) {{ apiDefinitions(first: 200, after: $after) {{ {_APIS} }} }}
  }}
}}"""

EVENTS = f"""query EventDefinitions($application: ID!, $bundle: ID!, $after: PageCursor) {{
  application(id: $application) {{
    bundle(id: $bundle) {{ eventDefinitions(first: 200, after: $after) {{ {_EVENTS} }} }}
  }}
}}"""

SET_LABEL = """mutation SetLabel($runtime: ID!, $key: String!, $value: Any!) {
  setRuntimeLabel(runtimeID: $runtime, key: $key, value: $value) { key value }
}"""

CONFIGURATION = """query Configuration {
  configuration {
    token { token }
    certificateSigningRequestInfo { subject keyAlgorithm }
    managementPlaneInfo { directorURL certificateSecuredConnectorURL }
  }
}"""

SIGN = """mutation Sign($csr: String!) {
  signCertificateSigningRequest(csr: $csr) { certificateChain caCertificate clientCertificate }
}"""

OF_DIRECTOR = (LISTING, APPLICATIONS, BUNDLES, APIS, EVENTS, SET_LABEL)
OF_CONNECTOR = (CONFIGURATION, SIGN)
