//! The derive for values of the author's own: a struct or an enum, as it stands in an input or output.
//!
//! A struct is read and written by serde through a mirror of it, so that an author needs no other crate. An enum whose
//! variants hold nothing is a text.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned;
use syn::{Attribute, Data, DataEnum, DataStruct, DeriveInput, Error, Fields, Ident, LitStr, Result};

use crate::text;

/// Implements the conversions and serde's traits.
pub(crate) fn expand(item: TokenStream) -> Result<TokenStream> {
    let item: DeriveInput = syn::parse2(item)?;
    if !item.generics.params.is_empty() {
        let problem = "a value has no generic parameters: it owns what it holds, and its form is known";
        return Err(Error::new(item.generics.span(), problem));
    }
    match &item.data {
        Data::Struct(data) => structure(&item, data),
        Data::Enum(data) => match data.variants.iter().find(|variant| !matches!(variant.fields, Fields::Unit)) {
            None => choice(&item, data),
            Some(_) => tagged(&item, data),
        },
        Data::Union(_) => Err(Error::new(item.ident.span(), "a value is a struct or an enum")),
    }
}

/// A struct with named fields.
fn structure(item: &DeriveInput, data: &DataStruct) -> Result<TokenStream> {
    let Fields::Named(_) = &data.fields else {
        let problem = "a value is a struct with named fields: the contract has structs and arrays, no tuples";
        return Err(Error::new(item.ident.span(), problem));
    };
    let fields = mirrored(&data.fields)?;
    Ok(read_by_serde(item, &quote! { deny_unknown_fields }, &quote! { struct Mirror #fields }))
}

/// An enum with variants that hold something: an object with one member, the variant's name and what it holds.
fn tagged(item: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let mut variants = TokenStream::new();
    for variant in &data.variants {
        let name = &variant.ident;
        let rename = Names::read(&variant.attrs, "variant")?.or(|| snake(name));
        match &variant.fields {
            Fields::Unit => {
                let problem = format!(
                    "beside variants that hold something this one cannot be written: they are structs, it would be a \
                     text; write `{name} {{}}`"
                );
                return Err(Error::new(name.span(), problem));
            }
            Fields::Unnamed(unnamed) if unnamed.unnamed.len() != 1 => {
                let problem =
                    "a variant holds one value or named fields: the contract has structs and arrays, no tuples";
                return Err(Error::new(unnamed.span(), problem));
            }
            Fields::Unnamed(unnamed) => {
                let types = unnamed.unnamed.iter().map(|field| &field.ty);
                variants.extend(quote! { #[serde(rename = #rename)] #name(#(#types),*), });
            }
            Fields::Named(_) => {
                let fields = mirrored(&variant.fields)?;
                variants.extend(quote! { #[serde(rename = #rename)] #name #fields, });
            }
        }
    }
    Ok(read_by_serde(item, &quote! { deny_unknown_fields }, &quote! { enum Mirror { #variants } }))
}

/// Returns named fields in braces, with attributes for serde.
fn mirrored(fields: &Fields) -> Result<TokenStream> {
    let mut mirrored = TokenStream::new();
    for field in fields {
        let names = Names::read(&field.attrs, "field")?;
        let default = names.default.then(|| quote! { #[serde(default)] });
        let rename = names.name.map(|name| quote! { #[serde(rename = #name)] });
        let (ident, ty) = (&field.ident, &field.ty);
        mirrored.extend(quote! { #default #rename #ident: #ty, });
    }
    Ok(quote! { { #mirrored } })
}

/// Implements everything through a mirror that serde's derives see as the type itself.
fn read_by_serde(item: &DeriveInput, attributes: &TokenStream, mirror: &TokenStream) -> TokenStream {
    let ident = &item.ident;
    let remote = ident.to_string();
    quote! {
        const _: () = {
            use ::stepwell_sdk::serde;

            #[derive(serde::Deserialize, serde::Serialize)]
            #[serde(crate = "::stepwell_sdk::serde", remote = #remote, #attributes)]
            #[allow(dead_code, reason = "only its form counts")]
            #mirror

            #[automatically_derived]
            impl<'de> serde::Deserialize<'de> for #ident {
                fn deserialize<D: serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    Mirror::deserialize(deserializer)
                }
            }

            #[automatically_derived]
            impl serde::Serialize for #ident {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    Mirror::serialize(self, serializer)
                }
            }

            #[automatically_derived]
            impl ::stepwell_sdk::FromValue for #ident {
                const TYPE: &'static str = "struct";

                fn from_value(
                    value: ::stepwell_sdk::Value,
                ) -> ::core::result::Result<Self, ::std::string::String> {
                    ::stepwell_sdk::expansion::from_struct(value)
                }
            }

            #[automatically_derived]
            impl ::stepwell_sdk::IntoValue for #ident {
                const TYPE: &'static str = "struct";

                fn into_value(self) -> ::core::result::Result<::stepwell_sdk::Value, ::std::string::String> {
                    ::stepwell_sdk::expansion::into_struct(&self)
                }
            }
        };
    }
}

/// An enum whose variants hold nothing: one of a few texts.
fn choice(item: &DeriveInput, data: &DataEnum) -> Result<TokenStream> {
    let ident = &item.ident;
    let idents: Vec<&Ident> = data.variants.iter().map(|variant| &variant.ident).collect();
    if idents.is_empty() {
        return Err(Error::new(ident.span(), "an enum without variants has no value"));
    }
    let mut names = Vec::<String>::new();
    for variant in &data.variants {
        let name = Names::read(&variant.attrs, "variant")?.or(|| snake(&variant.ident));
        if names.contains(&name) {
            return Err(Error::new(variant.ident.span(), format!("there are two variants named `{name}`")));
        }
        names.push(name);
    }
    Ok(quote! {
        const _: () = {
            use ::stepwell_sdk::serde;

            impl #ident {
                const __NAMES: &'static [&'static str] = &[#(#names),*];

                fn __named(text: &str) -> ::core::result::Result<Self, ::std::string::String> {
                    match text {
                        #(#names => ::core::result::Result::Ok(Self::#idents),)*
                        other => ::core::result::Result::Err(
                            ::stepwell_sdk::expansion::no_variant(other, Self::__NAMES),
                        ),
                    }
                }

                fn __name(&self) -> &'static str {
                    match self {
                        #(Self::#idents => #names,)*
                    }
                }
            }

            #[automatically_derived]
            impl ::stepwell_sdk::FromValue for #ident {
                const TYPE: &'static str = "string";
                const VARIANTS: &'static [&'static str] = Self::__NAMES;

                fn from_value(
                    value: ::stepwell_sdk::Value,
                ) -> ::core::result::Result<Self, ::std::string::String> {
                    Self::__named(&<::std::string::String as ::stepwell_sdk::FromValue>::from_value(value)?)
                }
            }

            #[automatically_derived]
            impl ::stepwell_sdk::IntoValue for #ident {
                const TYPE: &'static str = "string";

                fn into_value(self) -> ::core::result::Result<::stepwell_sdk::Value, ::std::string::String> {
                    <&str as ::stepwell_sdk::IntoValue>::into_value(self.__name())
                }
            }

            #[automatically_derived]
            impl<'de> serde::Deserialize<'de> for #ident {
                fn deserialize<D: serde::Deserializer<'de>>(
                    deserializer: D,
                ) -> ::core::result::Result<Self, D::Error> {
                    let text = <::std::string::String as serde::Deserialize>::deserialize(deserializer)?;
                    Self::__named(&text).map_err(<D::Error as serde::de::Error>::custom)
                }
            }

            #[automatically_derived]
            impl serde::Serialize for #ident {
                fn serialize<S: serde::Serializer>(&self, serializer: S) -> ::core::result::Result<S::Ok, S::Error> {
                    serializer.serialize_str(self.__name())
                }
            }
        };
    })
}

/// What the attribute `value` of a field or variant says.
struct Names {
    name: Option<String>,
    default: bool,
}

impl Names {
    fn read(attributes: &[Attribute], what: &str) -> Result<Self> {
        let mut names = Self { name: None, default: false };
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("value")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("name") {
                    names.name = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("default") && what == "field" {
                    names.default = true;
                } else {
                    return Err(meta.error(match what {
                        "field" => "unknown key; a field of a value knows `name` and `default`",
                        _ => "unknown key; a variant knows `name`",
                    }));
                }
                Ok(())
            })?;
        }
        Ok(names)
    }

    fn or(self, name: impl FnOnce() -> String) -> String {
        self.name.unwrap_or_else(name)
    }
}

/// Returns the name of a variant in the case of inputs: `TarGz` is `tar_gz`.
fn snake(ident: &Ident) -> String {
    let mut name = String::new();
    for character in text::plain(ident).chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.extend(character.to_lowercase());
    }
    name
}
